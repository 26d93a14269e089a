"""Mutants: the gold patch with one small mistake in a line that it adds."""

import hashlib
import marshal
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType

from curate.measure.editing_visitor import Edit
from curate.measure.edits import NotPythonError, apply_edit, list_edits
from curate.patches.apply import PatchedFile, patch_file
from curate.patches.lines import split_lines
from curate.patches.parse import FilePatch, split_files

MAX_MUTANTS = 20


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A wrong variant of a gold patch, to be applied in its place."""

    operator: str
    path: str
    line: int  # of the file after the patch, from 1
    old: str  # the line as in the gold patch, without indentation
    new: str
    text: str  # the whole file
    patch: bytes


@dataclass(frozen=True, kw_only=True)
class ChangedSource:
    """A Python file that a gold patch changes: before, after, and its place in the patch."""

    path: str
    section: bytes  # its part of the patch
    after: PatchedFile
    index: int  # of the part, among those of the patch


@dataclass(frozen=True, kw_only=True)
class MutantDraw:
    """The mutants of one gold patch, and what was left out."""

    mutants: tuple[Mutant, ...]
    possible: int  # edits of which these were drawn
    equivalent: int  # drawn, but with the bytecode of the gold patch or of another mutant
    unreadable: Mapping[str, str]  # path -> why no mutants are made of it


def read_changed_sources(
    patch: bytes, read_old: Callable[[str], bytes | None], is_source: Callable[[str], bool]
) -> tuple[list[ChangedSource], dict[str, str]]:
    """Return the Python source files that *patch* adds lines to, and those that cannot be read.

    *read_old* returns a file of the base commit, None if there is none.
    """
    found: list[ChangedSource] = []
    unreadable: dict[str, str] = {}
    for index, part in enumerate(split_files(patch)):
        if not part.path.endswith(".py") or not is_source(part.path):
            continue
        try:
            after = _patch_part(part, read_old)
        except ValueError as error:
            unreadable[part.path] = str(error)
            continue
        if after.added:
            source = ChangedSource(path=part.path, section=part.data, after=after, index=index)
            found.append(source)
    return found, unreadable


def _patch_part(part: FilePatch, read_old: Callable[[str], bytes | None]) -> PatchedFile:
    is_new = b"\nnew file mode " in part.data.partition(b"\n@@ ")[0]
    old = b"" if is_new else read_old(part.source or part.path)
    if old is None:
        raise ValueError("the base commit has no such file")
    return patch_file(old, part.data)


def draw_mutants(
    patch: bytes,
    sources: Iterable[ChangedSource],
    seed: str,
    max_mutants: int = MAX_MUTANTS,
) -> MutantDraw:
    """Return at most *max_mutants* mutants of *patch*, drawn by *seed*.

    Lines take turns, so that no long line has them all. Mutants with the bytecode of the gold
    patch, or of an earlier mutant, are left out: no test could tell.
    """
    edits: list[tuple[ChangedSource, Edit]] = []
    seen: set[tuple[str, bytes | None]] = set()
    unreadable: dict[str, str] = {}
    for source in sources:
        try:
            found = list_edits(source.after.text, source.after.added)
        except NotPythonError as error:
            unreadable[source.path] = str(error)
            continue
        edits += [(source, edit) for edit in found]
        seen.add((source.path, _hash_code(source.after.text)))
    parts = [part.data for part in split_files(patch)]
    mutants: list[Mutant] = []
    equivalent = 0
    for source, edit in _take_turns(edits, seed):
        if len(mutants) == max_mutants:
            break
        changed = apply_edit(source.after.text, edit)
        code = _hash_code(changed)
        if code is None:
            continue  # not Python
        if (source.path, code) in seen:
            equivalent += 1
            continue
        seen.add((source.path, code))
        mutants.append(_make_mutant(source, edit, changed, parts))
    return MutantDraw(
        mutants=tuple(sorted(mutants, key=lambda it: (it.path, it.line, it.operator, it.new))),
        possible=len(edits),
        equivalent=equivalent,
        unreadable=unreadable,
    )


def _take_turns(
    edits: Sequence[tuple[ChangedSource, Edit]], seed: str
) -> Iterator[tuple[ChangedSource, Edit]]:
    """Yield *edits* in an order drawn by *seed*: one of each line, then a second, and so on."""

    def draw(pair: tuple[ChangedSource, Edit]) -> bytes:
        source, edit = pair
        key = (seed, source.path, edit.operator, edit.start, edit.end, edit.new)
        return hashlib.sha256(repr(key).encode()).digest()

    turns: dict[tuple[str, int], int] = {}
    ranked: list[tuple[int, tuple[ChangedSource, Edit]]] = []
    for pair in sorted(edits, key=draw):
        line = pair[0].path, pair[1].line
        turns[line] = turns.get(line, -1) + 1
        ranked.append((turns[line], pair))
    yield from (pair for _, pair in sorted(ranked, key=lambda it: it[0]))


def _make_mutant(
    source: ChangedSource, edit: Edit, changed: bytes, parts: Sequence[bytes]
) -> Mutant:
    """Write *changed* into the patch: an edit keeps the number of lines, so only lines differ."""
    old_lines, new_lines = split_lines(source.after.text), split_lines(changed)
    section = split_lines(source.section)
    differing = [
        n for n, pair in enumerate(zip(old_lines, new_lines, strict=True)) if len(set(pair)) > 1
    ]
    for number in differing:
        at = source.after.added[number + 1]
        text = new_lines[number]
        section[at] = b"+" + text + (b"" if text.endswith(b"\n") else b"\n")
    whole = list(parts)
    whole[source.index] = b"".join(section)
    first = differing[0]
    return Mutant(
        operator=edit.operator,
        path=source.path,
        line=edit.line,
        old=_show(old_lines[first]),
        new=_show(new_lines[first]),
        text=changed.decode(),
        patch=b"".join(whole),
    )


def _show(line: bytes) -> str:
    return line.decode("utf-8", "replace").strip()


def _hash_code(source: bytes) -> bytes | None:
    """Return a hash of the bytecode without positions; None if it does not compile."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what the source or an edit of it does
            code = compile(source, "", "exec", dont_inherit=True, optimize=0)
        # Version 2 has no references between objects, which depend on what else is loaded.
        return hashlib.sha256(marshal.dumps(_strip_positions(code), 2)).digest()
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None


def _strip_positions(code: CodeType) -> CodeType:
    constants = tuple(
        _strip_positions(it) if isinstance(it, CodeType) else it for it in code.co_consts
    )
    return code.replace(co_consts=constants, co_filename="", co_firstlineno=1, co_linetable=b"")
