"""A gold patch as blocks of text, checked: what they make is what the patch makes."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from curate.process.block_text import (
    parse_modifications,
    parse_search_replace,
    render_modifications,
    render_search_replace,
)
from curate.process.edit_blocks import BlockError, EditBlock, apply_blocks, make_blocks
from curate.process.file_text import FileText, decode_file
from curate.process.gold_files import SUBMODULE, SYMLINK, ChangedFile

PLAIN_MODE, EXECUTABLE_MODE = "100644", "100755"


class NotRecreatedError(AssertionError):
    """Blocks make something else than the patch: a bug, never an answer."""


@dataclass(frozen=True, kw_only=True)
class FileOperation:
    """What happens to a file besides its text, before blocks apply."""

    kind: str  # "rename", "delete" or "mode"
    path: str
    new_path: str = ""
    mode: str = ""


@dataclass(frozen=True, kw_only=True)
class Inexpressible:
    """A part of a change that a form cannot express."""

    path: str
    reason: str
    form: str  # "blocks" is both; "search_replace" or "modifications"


@dataclass(frozen=True, kw_only=True)
class GoldEdits:
    """A gold patch in both forms.

    *recreates* is "blocks" if blocks alone make every file, "blocks-and-operations" if file
    operations are needed too, "partly" if not even these suffice. A form whose text would be read
    as something else is "".
    """

    blocks: dict[str, tuple[EditBlock, ...]]  # by new path
    encodings: dict[str, str]  # of files that are not UTF-8, by new path
    operations: tuple[FileOperation, ...]
    inexpressible: tuple[Inexpressible, ...]
    recreates: str
    search_replace: str
    modifications: str


@dataclass(kw_only=True)
class _FileEdits:
    """What is known of one file so far."""

    blocks: tuple[EditBlock, ...] | None = None  # None = not expressible
    encoding: str = "utf-8"
    operations: list[FileOperation] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


def make_edits(files: Sequence[ChangedFile]) -> GoldEdits:
    """Return the edits of all *files*.

    Raises:
        NotRecreatedError: they do not make the new files byte for byte.
    """
    edits = {file.path: _edit_file(file) for file in files}
    blocks = {path: it.blocks for path, it in edits.items() if it.blocks is not None}
    for file in files:
        _require_same(file, edits[file.path])
    search_replace = _render(blocks, render_search_replace, parse_search_replace)
    modifications = _render(blocks, render_modifications, parse_modifications)
    texts = (("search_replace", search_replace), ("modifications", modifications))
    ambiguous = [
        Inexpressible(path="", reason="ambiguous-text", form=form)
        for form, text in texts
        if any(blocks.values()) and not text
    ]
    reasons = [
        Inexpressible(path=path, reason=reason, form="blocks")
        for path, it in edits.items()
        for reason in it.reasons
    ]
    return GoldEdits(
        blocks=blocks,
        encodings={path: it.encoding for path, it in edits.items() if it.encoding != "utf-8"},
        operations=tuple(operation for it in edits.values() for operation in it.operations),
        inexpressible=(*reasons, *ambiguous),
        recreates=_describe(edits.values()),
        search_replace=search_replace,
        modifications=modifications,
    )


def _describe(edits: Iterable[_FileEdits]) -> str:
    found = list(edits)
    if any(it.blocks is None for it in found):
        return "partly"
    return "blocks-and-operations" if any(it.operations for it in found) else "blocks"


def _edit_file(file: ChangedFile) -> _FileEdits:
    edits = _FileEdits()
    if file.new is None:
        edits.operations.append(FileOperation(kind="delete", path=file.path))
        edits.reasons.append("deleted-file")
        edits.blocks = ()
        return edits
    special = {SYMLINK: "symlink", SUBMODULE: "submodule"}
    for version in (file.old, file.new):
        if version is not None and version.mode in special:
            edits.reasons.append(special[version.mode])
            return edits
    _add_operations(file, edits)
    _add_blocks(file, edits)
    return edits


def _add_operations(file: ChangedFile, edits: _FileEdits) -> None:
    assert file.new is not None
    if file.source:
        move = FileOperation(kind="rename", path=file.source, new_path=file.path)
        edits.operations.append(move)
        edits.reasons.append("renamed-file")
    if file.new.mode != (file.old.mode if file.old else PLAIN_MODE):
        change = FileOperation(kind="mode", path=file.path, mode=file.new.mode)
        edits.operations.append(change)
        edits.reasons.append("mode-change")


def _add_blocks(file: ChangedFile, edits: _FileEdits) -> None:
    assert file.new is not None
    old, new = file.old.content if file.old else b"", file.new.content
    if old == new:
        is_created = file.old is None  # an empty file: a block of nothing creates it
        edits.blocks = (EditBlock(search="", replace=""),) if is_created else ()
        return
    texts = _decode_both(old, new)
    if texts is None:
        edits.reasons.append("binary-or-unknown-encoding")
    elif "\n" in file.path or not file.path.isprintable():
        edits.reasons.append("unprintable-path")
    else:
        edits.encoding = texts[1].encoding
        edits.blocks = make_blocks(texts[0].text, texts[1].text)


def _decode_both(old: bytes, new: bytes) -> tuple[FileText, FileText] | None:
    """Decode both sides in one encoding; a side that is ASCII has any."""
    texts = decode_file(old), decode_file(new)
    if texts[0] is None or texts[1] is None:
        return None
    if texts[0].encoding == texts[1].encoding:
        return texts[0], texts[1]
    encoding = texts[1].encoding if texts[0].text.isascii() else texts[0].encoding
    recoded = tuple(FileText(text=it.text, encoding=encoding) for it in texts if it)
    is_same = all(_encodes(it, side) for it, side in zip(recoded, (old, new), strict=True))
    return (recoded[0], recoded[1]) if is_same else None


def _encodes(text: FileText, content: bytes) -> bool:
    try:
        return text.encode(text.text) == content
    except UnicodeError:
        return False


def _require_same(file: ChangedFile, edits: _FileEdits) -> None:
    """Apply the blocks to the old file and compare with the new one."""
    if edits.blocks is None or file.new is None:
        return
    made = file.old.content if file.old else b""
    try:
        if edits.blocks:  # else the file needs no text: it may be renamed only
            text = apply_blocks(made.decode(edits.encoding), edits.blocks)
            made = text.encode(edits.encoding)
    except (BlockError, UnicodeError) as error:
        raise NotRecreatedError(f"{file.path}: {error}") from error
    if made != file.new.content:
        raise NotRecreatedError(f"{file.path}: blocks make other content")


_Blocks = dict[str, tuple[EditBlock, ...]]


def _render(
    blocks: _Blocks,
    render: Callable[[_Blocks], str],
    parse: Callable[[str], dict[str, list[EditBlock]]],
) -> str:
    """Return *blocks* as text; "" if it would be read as something else."""
    text = render(blocks)
    read = {path: tuple(it) for path, it in parse(text).items()}
    return text if read == {path: it for path, it in blocks.items() if it} else ""
