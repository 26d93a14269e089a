"""Typed access to the values of a row; raises TypeError for a value of another type."""

Row = dict[str, str | int | float | list[str] | None]  # by the names of `curate.releases.columns`


def get_str(row: Row, name: str) -> str:
    """Return the value of a "string" column."""
    value = row[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is not a string")
    return value


def get_int(row: Row, name: str) -> int:
    """Return the value of an "int64" column."""
    value = row[name]
    if not isinstance(value, int):
        raise TypeError(f"{name} is not an integer")
    return value


def get_list(row: Row, name: str) -> list[str]:
    """Return the value of a "list[string]" column."""
    value = row[name]
    if not isinstance(value, list):
        raise TypeError(f"{name} is not a list")
    return value


def get_optional_number(row: Row, name: str) -> float | None:
    """Return the value of an "int64?" or "float64?" column; None = not measured."""
    value = row[name]
    if value is not None and not isinstance(value, int | float):
        raise TypeError(f"{name} is not a number")
    return value
