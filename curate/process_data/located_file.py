"""A changed file with the places of its changes."""

from collections.abc import Iterable
from dataclasses import dataclass

from curate.patches.lines import split_lines
from curate.process_data.gold_files import SUBMODULE, SYMLINK, ChangedFile, FileVersion
from curate.process_data.line_edits import LineEdit, diff_lines
from curate.process_data.localization import Location, locate_edits
from curate.process_data.location_rate import TaggedLocations, tag_gold_locations
from curate.process_data.python_source import PythonSource, UnparsedSource, parse_source


@dataclass(frozen=True, kw_only=True)
class LocatedFile:
    """A changed file with the places of its changes; *skipped* says why it has none."""

    file: ChangedFile
    old: PythonSource | None
    edits: tuple[LineEdit, ...]
    locations: tuple[Location, ...]
    skipped: str = ""
    line: int | None = None


def locate_file(file: ChangedFile) -> LocatedFile:
    """Find the places of a file's changes; files that are not Python have lines alone."""
    old_content, new_content = _content(file.old), _content(file.new)
    edits = tuple(diff_lines(split_lines(old_content), split_lines(new_content)))
    reason = _find_obstacle(file)
    if reason:
        return LocatedFile(file=file, old=None, edits=edits, locations=(), skipped=reason)
    old = parse_source(old_content) if file.old else None
    new = parse_source(new_content) if file.new else None
    for side in (old, new):
        if isinstance(side, UnparsedSource):
            known = old if isinstance(old, PythonSource) else None
            reason, line = side.reason, side.line
            return LocatedFile(
                file=file, old=known, edits=edits, locations=(), skipped=reason, line=line
            )
    assert not isinstance(old, UnparsedSource) and not isinstance(new, UnparsedSource)
    return LocatedFile(file=file, old=old, edits=edits, locations=locate_edits(old, new, edits))


def _find_obstacle(file: ChangedFile) -> str:
    if not file.path.endswith(".py"):
        return "not-python"
    versions = [it for it in (file.old, file.new) if it is not None]
    if any(it.mode in (SYMLINK, SUBMODULE) for it in versions):
        return "no-regular-file"
    return "" if file.path.isprintable() and file.source.isprintable() else "unprintable-path"


def _content(version: FileVersion | None) -> bytes:
    return version.content if version else b""


def tag_files(located: Iterable[LocatedFile]) -> list[TaggedLocations]:
    """Return gold's locations as SWE-GPT's measure wants them: of Python files of the base."""
    return [
        TaggedLocations(
            path=it.file.source or it.file.path, tags=tag_gold_locations(it.old, it.edits)
        )
        for it in located
        if it.old is not None
    ]
