"""The code that prompts show: whole functions, and all lines that blocks search for."""

from collections.abc import Iterable, Mapping, Sequence

from curate.patches.lines import split_lines
from curate.process_data.edit_blocks import EditBlock
from curate.process_data.file_text import decode_file
from curate.process_data.gold_files import ChangedFile
from curate.process_data.localization import Location
from curate.process_data.understanding import wrap_code

GAP = "...\n"


def show_code(
    changes: Sequence[ChangedFile],
    blocks: Mapping[str, Sequence[EditBlock]],
    locations: Mapping[str, Sequence[Location]],
) -> str:
    """Return the old code that a fix changes; a gap stands for lines that are not shown."""
    shown = []
    for file in changes:
        text = decode_file(file.old.content) if file.old else None
        if text is None or file.new is None:
            continue
        places = locations.get(file.path, ())
        spans = [it.old_lines for it in places if it.kind == "function" and it.old_lines]
        spans += [_find_lines(text.text, block.search) for block in blocks.get(file.path, ())]
        if spans:
            lines = split_lines(text.text)
            shown.append(wrap_code(file.source or file.path, _read_spans(lines, spans)))
    return "\n".join(shown)


def list_steps(file: ChangedFile, locations: Iterable[Location]) -> list[dict[str, object]]:
    """Return what becomes of each place of a file, in words that a program can know."""
    return [
        {
            "file": file.source or file.path,
            "place": location.name or "module-level code",
            "lines": list(location.old_lines or ()),
            "solution": _describe_step(location),
        }
        for location in locations
    ]


def _describe_step(location: Location) -> str:
    removed, added = len(location.old_edited), len(location.new_edited)
    if location.change == "added":
        return f"Add this {location.kind} after line {location.inserted_at or 0} ({added} lines)."
    if location.change == "deleted":
        return f"Delete this {location.kind} ({removed} lines)."
    if not removed:
        return f"Insert {added} lines after line {location.inserted_at or 0}."
    numbers = ", ".join(map(str, location.old_edited[:20]))
    return f"Replace {removed} lines ({numbers}) with {added} lines."


def _find_lines(text: str, search: str) -> tuple[int, int]:
    """Return the first and the last line, counted from 1, of text that occurs once."""
    start = text.count("\n", 0, max(text.find(search), 0)) + 1
    return start, start + search.removesuffix("\n").count("\n")


def _read_spans(lines: Sequence[str], spans: Iterable[tuple[int, int]]) -> str:
    numbers = sorted({number for start, end in spans for number in range(start, end + 1)})
    text, last = "", 0
    for number in numbers:
        if number > len(lines):
            break
        text += (GAP if number > last + 1 else "") + lines[number - 1]
        last = number
    text = text if text.endswith("\n") else text + "\n"
    return text + (GAP if last < len(lines) else "")
