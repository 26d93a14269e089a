"""Which pieces of a gold patch its tests notice: the patch is tried with each piece left out.

A piece that can be left out while every FAIL_TO_PASS test still passes is work that the tests do
not ask for: a solution without it would be called right. Trivial patches must be called wrong. The
empty one, and with it any of test helpers alone, is what the before-runs try, for they have the
whole test patch; all that gold changes beside source is tried by itself.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from curate.patches.parse import FilePatch, split_files, split_hunks

MAX_ABLATIONS = 16
"""Beyond so many hunks whole files are left out, and beyond so many files only the first ones."""

_PROSE = (".rst", ".md")
_HUNK = re.compile(rb"@@ -(\d+(?:,\d+)?) \+(\d+)((?:,\d+)? @@)")


@dataclass(frozen=True, kw_only=True)
class HunkAblation:
    """A piece of a gold patch, and the patch without it."""

    name: str  # "path" or "path @@ -old,lines"
    patch_without: bytes


def hunk_ablations(
    gold_patch: bytes, is_source: Callable[[str], bool], max_ablations: int = MAX_ABLATIONS
) -> list[HunkAblation]:
    """The pieces of the source files of *gold_patch*, in its order; what is no source always
    stays."""
    files = split_files(gold_patch)
    found = list(_ablate_hunks(files, is_source))
    if len(found) > max_ablations:
        found = list(_ablate_files(files, is_source))[:max_ablations]
    return found


def config_only_patch(gold_patch: bytes, is_source: Callable[[str], bool]) -> bytes:
    """What *gold_patch* changes beside source that tests could notice: settings and data, no
    prose."""
    parts = (part for part in split_files(gold_patch) if not is_source(part.path))
    return b"".join(part.data for part in parts if not part.path.lower().endswith(_PROSE))


def _ablate_hunks(
    files: Sequence[FilePatch], is_source: Callable[[str], bool]
) -> Iterator[HunkAblation]:
    for index, file in enumerate(files):
        if not is_source(file.path):
            continue
        head, hunks = split_hunks(file.data)
        if len(hunks) < 2 or b"\nnew file mode" in head or b"\ndeleted file mode" in head:
            yield HunkAblation(name=file.path, patch_without=_replace_file(files, index))
            continue
        for removed_index, hunk in enumerate(hunks):
            shifted_hunks = [
                _shift_hunk(other, _count_added_lines(hunk)) for other in hunks[removed_index + 1 :]
            ]
            remaining_file = b"".join((head, *hunks[:removed_index], *shifted_hunks))
            name = f"{file.path} {hunk.partition(b' +')[0].decode('ascii')}"
            yield HunkAblation(name=name, patch_without=_replace_file(files, index, remaining_file))


def _ablate_files(
    files: Sequence[FilePatch], is_source: Callable[[str], bool]
) -> Iterator[HunkAblation]:
    for index, file in enumerate(files):
        if is_source(file.path):
            yield HunkAblation(name=file.path, patch_without=_replace_file(files, index))


def _replace_file(files: Sequence[FilePatch], index: int, new_data: bytes = b"") -> bytes:
    parts = [file.data for file in files]
    parts[index] = new_data
    return b"".join(parts)


def _shift_hunk(hunk: bytes, lines: int) -> bytes:
    """*hunk* so many *lines* further up in the new file."""
    match = _HUNK.match(hunk)
    assert match is not None
    old, new, tail = match.groups()
    return b"@@ -%s +%d%s" % (old, int(new) - lines, tail) + hunk[match.end() :]


def _count_added_lines(hunk: bytes) -> int:
    lines = hunk.split(b"\n")[1:]
    return sum(line.startswith(b"+") for line in lines) - sum(
        line.startswith(b"-") for line in lines
    )
