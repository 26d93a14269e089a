"""Hunk ablation: the gold patch with each of its hunks left out in turn.

If every FAIL_TO_PASS test still passes without a hunk, the tests do not cover it: a solution
without that change would be graded as correct. Trivial patches must fail, too. The empty patch is
covered by the pre-patch runs, which have the whole test patch including test helpers; the
non-source files of the gold patch are tried separately.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from curate.builders.text import replace_unstorable
from curate.patches.parse import FilePatch, split_files, split_hunks

MAX_ABLATIONS = 16
"""With more hunks, whole files are left out instead; with more files, only the first so many."""

_PROSE = (".rst", ".md")
_HUNK = re.compile(rb"@@ -(\d+(?:,\d+)?) \+(\d+)((?:,\d+)? @@)")


@dataclass(frozen=True, kw_only=True)
class HunkAblation:
    """A hunk or file of a gold patch, and the patch without it."""

    name: str  # "path" or "path @@ -old,lines"
    patch_without: bytes


def hunk_ablations(
    gold_patch: bytes, is_source: Callable[[str], bool], max_ablations: int = MAX_ABLATIONS
) -> list[HunkAblation]:
    """Return the ablations of the source files of *gold_patch*, in order.

    Changes to other files are never left out.
    """
    files = _split_whole_files(gold_patch)
    ablations = list(_ablate_hunks(files, is_source))
    if len(ablations) > max_ablations:
        ablations = list(_ablate_files(files, is_source))[:max_ablations]
    return ablations


def config_only_patch(gold_patch: bytes, is_source: Callable[[str], bool]) -> bytes:
    """Return the changes of *gold_patch* to configuration and data: no source, no prose."""
    parts = (part for part in split_files(gold_patch) if not is_source(part.path))
    return b"".join(part.data for part in parts if not part.path.lower().endswith(_PROSE))


def _split_whole_files(patch: bytes) -> list[FilePatch]:
    """Split *patch* into files, each once.

    A file that becomes a symbolic link, or vice versa, is a deletion and a creation in git's diff;
    either alone does not apply.
    """
    by_path = groupby(split_files(patch), key=lambda part: part.path)
    groups = (tuple(parts) for _, parts in by_path)
    return [replace(parts[0], data=b"".join(it.data for it in parts)) for parts in groups]


def _ablate_hunks(
    files: Sequence[FilePatch], is_source: Callable[[str], bool]
) -> Iterator[HunkAblation]:
    for index, file in enumerate(files):
        if not is_source(file.path):
            continue
        head, hunks = split_hunks(file.data)
        if len(hunks) < 2 or b"\nnew file mode" in head or b"\ndeleted file mode" in head:
            yield HunkAblation(name=_name(file), patch_without=_replace_file(files, index))
            continue
        for removed_index, hunk in enumerate(hunks):
            shifted_hunks = [
                _shift_hunk(other, _count_added_lines(hunk)) for other in hunks[removed_index + 1 :]
            ]
            remaining_file = b"".join((head, *hunks[:removed_index], *shifted_hunks))
            name = f"{_name(file)} {hunk.partition(b' +')[0].decode('ascii')}"
            yield HunkAblation(name=name, patch_without=_replace_file(files, index, remaining_file))


def _ablate_files(
    files: Sequence[FilePatch], is_source: Callable[[str], bool]
) -> Iterator[HunkAblation]:
    for index, file in enumerate(files):
        if is_source(file.path):
            yield HunkAblation(name=_name(file), patch_without=_replace_file(files, index))


def _replace_file(files: Sequence[FilePatch], index: int, new_data: bytes = b"") -> bytes:
    parts = [file.data for file in files]
    parts[index] = new_data
    return b"".join(parts)


def _shift_hunk(hunk: bytes, lines: int) -> bytes:
    """Move *hunk* up by *lines* in the new file."""
    match = _HUNK.match(hunk)
    assert match is not None
    old, new, tail = match.groups()
    return b"@@ -%s +%d%s" % (old, int(new) - lines, tail) + hunk[match.end() :]


def _count_added_lines(hunk: bytes) -> int:
    lines = hunk.split(b"\n")[1:]
    return sum(line.startswith(b"+") for line in lines) - sum(
        line.startswith(b"-") for line in lines
    )


def _name(file: FilePatch) -> str:
    """Path for a record; a path need not be UTF-8."""
    return replace_unstorable(file.path)
