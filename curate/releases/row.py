"""Values of rows by their kinds; TypeError for a value of another kind."""

Row = dict[str, str | int | float | list[str] | None]  # by the names of `curate.releases.columns`


def get_str(row: Row, name: str) -> str:
    """A "string" column."""
    value = row[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is no string")
    return value


def get_int(row: Row, name: str) -> int:
    """An "int64" column."""
    value = row[name]
    if not isinstance(value, int):
        raise TypeError(f"{name} is no integer")
    return value


def get_list(row: Row, name: str) -> list[str]:
    """A "list[string]" column."""
    value = row[name]
    if not isinstance(value, list):
        raise TypeError(f"{name} is no list")
    return value


def get_optional_number(row: Row, name: str) -> float | None:
    """An "int64?" or "float64?" column; None = not measured."""
    value = row[name]
    if value is not None and not isinstance(value, int | float):
        raise TypeError(f"{name} is no number")
    return value
