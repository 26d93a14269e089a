"""SWE-GPT's measure of a localization: `cal_location_rate`, by its published definition.

A location is a tag with a name or with lines of code; a file has a list of them. Hits are counted
on the side of the prediction and divided by the number of gold's, so a rate may be above 1.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from curate.process_data.line_edits import LineEdit
from curate.process_data.python_source import PythonSource, first_line

MIN_LINE_LENGTH = 5  # shorter lines of gold's snippets do not count


@dataclass(frozen=True, kw_only=True)
class TaggedLocations:
    """Locations of one file: "<function>f</function>", "<class>C</class>" or code snippets."""

    path: str
    tags: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class LocationRate:
    """Hits divided by gold's locations; -1 where gold has none of the kind."""

    file: float
    function: float  # functions and classes
    line: float  # code snippets
    function_line: float


def compute_location_rate(
    predicted: Sequence[TaggedLocations], gold: Sequence[TaggedLocations]
) -> LocationRate:
    """Compare predicted locations with gold's; names count wherever they are."""
    files = {it.path for it in gold}
    names = [tag for it in gold for tag in it.tags if _is_name(tag)]
    snippets = [tag for it in gold for tag in it.tags if _is_snippet(tag)]
    tags = [tag for it in predicted for tag in it.tags]
    file_hits = sum(it.path in files for it in predicted)
    name_hits = sum(_is_name(tag) and tag in names for tag in tags)
    snippet_tags = filter(_is_snippet, tags)
    line_hits = sum(any(_share_line(tag, it) for it in snippets) for tag in snippet_tags)
    return LocationRate(
        file=_divide(file_hits, len(gold)),
        function=_divide(name_hits, len(names)),
        line=_divide(line_hits, len(snippets)),
        function_line=_divide(name_hits + line_hits, len(names) + len(snippets)),
    )


def tag_gold_locations(source: PythonSource, edits: Iterable[LineEdit]) -> tuple[str, ...]:
    """Return the tags of gold's edits in the old version of a file, as SWE-GPT makes them.

    A line belongs to the first function around it, else to the first class, else it is a snippet
    with the line before and the line after. New lines belong to the old line before them.
    """
    tags: dict[str, None] = {}
    functions, classes = list(_iter_functions(source.tree)), list(_iter_classes(source.tree))
    for line in _iter_edit_lines(edits):
        found = _find_around(functions, line, "function") or _find_around(classes, line, "class")
        tags[found or _tag_snippet(source, line)] = None
    return tuple(tag for tag in tags if tag)


def tag_bug_locations(locations: Iterable[object]) -> tuple[TaggedLocations, ...]:
    """Return the tags of `bug_locations` of a model's answer; what is no location is left out."""
    by_path: dict[str, list[str]] = {}
    for location in locations:
        if isinstance(location, Mapping):
            path = str(location.get("file", "unknown"))
            by_path.setdefault(path, []).append(_tag_location(location))
    return tuple(TaggedLocations(path=path, tags=tuple(tags)) for path, tags in by_path.items())


def shares_location(predicted: str, gold: str) -> bool:
    """Whether both tags name the same, or a line of gold's snippet is in the predicted one."""
    if _is_snippet(predicted) and _is_snippet(gold):
        return _share_line(predicted, gold)
    return predicted == gold


def _tag_location(location: Mapping[str, object]) -> str:
    for key, tag in (("method", "function"), ("class", "class"), ("code_snippets", None)):
        if key in location:
            return _tag(tag or key, str(location[key]))
    return "none"


def _tag(name: str, text: str) -> str:
    return f"<{name}>{text}</{name}>"


def _is_name(tag: str) -> bool:
    return "<function>" in tag or "<class>" in tag


def _is_snippet(tag: str) -> bool:
    return "<code_snippets>" in tag and not _is_name(tag)


def _share_line(predicted: str, gold: str) -> bool:
    lines = set(_list_lines(predicted))
    return any(len(line) >= MIN_LINE_LENGTH and line in lines for line in _list_lines(gold))


def _list_lines(tag: str) -> list[str]:
    return tag.replace("<code_snippets>", "").replace("</code_snippets>", "").split("\n")


def _divide(hits: int, total: int) -> float:
    return hits / total if total else -1


def _iter_edit_lines(edits: Iterable[LineEdit]) -> Iterator[int]:
    for edit in edits:
        yield from range(edit.old_start + 1, edit.old_end + 1)
        if edit.old_start == edit.old_end:
            yield edit.old_start


_Span = tuple[str, int, int]  # name, first line, last line


def _iter_functions(tree: ast.Module) -> Iterator[_Span]:
    """Yield functions outside of classes with their decorators, then methods without."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, first_line(node), node.end_lineno or node.lineno
    for owner in ast.walk(tree):
        if isinstance(owner, ast.ClassDef):
            methods = (it for it in ast.walk(owner) if isinstance(it, ast.FunctionDef))
            yield from ((it.name, it.lineno, it.end_lineno or it.lineno) for it in methods)


def _iter_classes(tree: ast.Module) -> Iterator[_Span]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node.name, node.lineno, node.end_lineno or node.lineno


def _find_around(spans: Iterable[_Span], line: int, tag: str) -> str:
    names = (name for name, start, end in spans if start <= line <= end)
    name = next(names, "")
    return _tag(tag, name) if name else ""


def _tag_snippet(source: PythonSource, line: int) -> str:
    start, end = max(line - 1, 1), min(line + 1, len(source.lines))
    code = "".join(source.lines[start - 1 : end])
    return _tag("code_snippets", code) if code else ""
