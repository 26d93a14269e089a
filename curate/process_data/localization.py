"""Where a change is: files, classes, functions and lines of both versions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from curate.process_data.line_edits import LineEdit
from curate.process_data.python_source import CodeUnit, PythonSource

CONTEXT = 1  # lines around changed lines outside of functions, as in SWE-GPT's snippets


@dataclass(frozen=True, kw_only=True)
class Location:
    """A function, a class outside of its functions, or a file outside of its classes.

    Lines are counted from 1. *old_lines* and *new_lines* are those of the code; the edited lines
    are those of the edits. A side on which the place does not exist has none.
    """

    kind: str  # "function", "class" or "module"
    change: str  # "modified", "added" or "deleted"
    name: str  # "Outer.method.inner"; "" for a module
    class_name: str  # classes around it, or its own name: "Outer"
    function_name: str  # innermost function; "" for kinds other than "function"
    old_lines: tuple[int, int] | None
    new_lines: tuple[int, int] | None
    old_edited: tuple[int, ...]
    new_edited: tuple[int, ...]
    old_code: str
    new_code: str
    inserted_at: int | None  # old line after which it is inserted, where nothing old is edited


def locate_edits(
    old: PythonSource | None, new: PythonSource | None, edits: Sequence[LineEdit]
) -> tuple[Location, ...]:
    """Return the places that *edits* change, by line; None is a file that does not exist."""
    pairs = _pair_units(old, new, edits)
    owners: dict[_Owner, _Lines] = {}
    for edit in edits:
        old_lines = _skip_blank(old, edit.old_start, edit.old_end)
        new_lines = _skip_blank(new, edit.new_start, edit.new_end)
        if not old_lines and not new_lines:
            old_lines = list(range(edit.old_start + 1, edit.old_end + 1))
            new_lines = list(range(edit.new_start + 1, edit.new_end + 1))
        for line in old_lines:
            unit = _find_unit(old, line)
            _add(owners, (unit, pairs.from_old.get(unit)), edit).old.append(line)
        for line in new_lines:
            unit = _find_unit(new, line)
            _add(owners, (pairs.from_new.get(unit), unit), edit).new.append(line)
    found = [_make_location(old, new, owner, lines) for owner, lines in owners.items()]
    return tuple(sorted(found, key=_sort_key))


_Owner = tuple[CodeUnit | None, CodeUnit | None]


class _Lines:
    """The edited lines of one place."""

    def __init__(self, inserted_at: int) -> None:
        self.old: list[int] = []
        self.new: list[int] = []
        self.inserted_at = inserted_at


def _add(owners: dict[_Owner, _Lines], owner: _Owner, edit: LineEdit) -> _Lines:
    return owners.setdefault(owner, _Lines(edit.old_start))


@dataclass(frozen=True, kw_only=True)
class _Pairs:
    """Units that are the same in both versions, from one to the other."""

    from_old: dict[CodeUnit | None, CodeUnit | None]
    from_new: dict[CodeUnit | None, CodeUnit | None]


def _pair_units(
    old: PythonSource | None, new: PythonSource | None, edits: Sequence[LineEdit]
) -> _Pairs:
    """Pair units of the same name: first those whose header is unchanged, then by order."""
    pairs: list[tuple[CodeUnit, CodeUnit]] = []
    olds, news = _group_units(old), _group_units(new)
    for key in olds.keys() & news.keys():
        left = {unit.header: unit for unit in olds[key]}
        rest = []
        for unit in news[key]:
            line = _find_old_line(unit.header, edits)
            same = left.pop(line, None) if line is not None else None
            pairs.append((same, unit)) if same else rest.append(unit)
        pairs += zip(left.values(), rest, strict=False)
    return _Pairs(
        from_old={None: None} | dict(pairs),
        from_new={None: None} | {unit: before for before, unit in pairs},
    )


def _group_units(source: PythonSource | None) -> dict[tuple[str, str], list[CodeUnit]]:
    groups: dict[tuple[str, str], list[CodeUnit]] = {}
    for unit in source.units if source else ():
        groups.setdefault((unit.kind, unit.name), []).append(unit)
    return groups


def _find_old_line(line: int, edits: Iterable[LineEdit]) -> int | None:
    """Return the old number of an unchanged new line; None for a new one."""
    shift = 0
    for edit in edits:
        if line <= edit.new_start:
            break
        if line <= edit.new_end:
            return None
        shift = edit.old_end - edit.new_end
    return line + shift


def _skip_blank(source: PythonSource | None, start: int, end: int) -> list[int]:
    """Return the lines, from 1, that are not blank: blank ones between functions are nobody's."""
    if source is None:
        return []
    return [number + 1 for number in range(start, end) if source.lines[number].strip()]


def _find_unit(source: PythonSource | None, line: int) -> CodeUnit | None:
    """Return the innermost unit around *line*."""
    units = source.units if source else ()
    around = [unit for unit in units if unit.start <= line <= unit.end]
    return max(around, key=lambda unit: (unit.start, -unit.end), default=None)


def _make_location(
    old: PythonSource | None, new: PythonSource | None, owner: _Owner, lines: _Lines
) -> Location:
    before, after = owner
    unit = after or before
    is_added = old is None or (before is None and after is not None)
    is_deleted = new is None or (after is None and before is not None)
    old_lines = _span(old, before, lines.old)
    new_lines = _span(new, after, lines.new)
    classes = () if unit is None else unit.classes
    own = () if unit is None or unit.kind == "function" else (unit.name.rpartition(".")[2],)
    is_function = unit is not None and unit.kind == "function"
    return Location(
        kind=unit.kind if unit else "module",
        change="added" if is_added else "deleted" if is_deleted else "modified",
        name=unit.name if unit else "",
        class_name=".".join((*classes, *own)),
        function_name=unit.name.rpartition(".")[2] if unit and is_function else "",
        old_lines=None if is_added else old_lines,
        new_lines=None if is_deleted else new_lines,
        old_edited=tuple(sorted(set(lines.old))),
        new_edited=tuple(sorted(set(lines.new))),
        old_code="" if is_added else _read(old, old_lines, before, lines.old),
        new_code="" if is_deleted else _read(new, new_lines, after, lines.new),
        inserted_at=None if lines.old else lines.inserted_at,
    )


def _span(
    source: PythonSource | None, unit: CodeUnit | None, edited: Sequence[int]
) -> tuple[int, int] | None:
    if unit is not None:
        return unit.start, unit.end
    return (min(edited), max(edited)) if source and edited else None


def _read(
    source: PythonSource | None,
    span: tuple[int, int] | None,
    unit: CodeUnit | None,
    edited: Sequence[int],
) -> str:
    """Return the whole function; of classes and modules the edited lines and those around them."""
    if source is None or span is None:
        return ""
    if unit is not None and unit.kind == "function":
        return "".join(source.lines[unit.start - 1 : unit.end])
    around = {line + by for line in edited for by in range(-CONTEXT, CONTEXT + 1)}
    return "".join(source.lines[it - 1] for it in sorted(around) if 0 < it <= len(source.lines))


def _sort_key(location: Location) -> tuple[int, int, str]:
    old = location.old_lines[0] if location.old_lines else location.inserted_at or 0
    return old, location.new_lines[0] if location.new_lines else 0, location.name
