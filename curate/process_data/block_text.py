"""Search/replace blocks and SWE-GPT's modifications as text, and what reads them back."""

import re
from collections.abc import Mapping, Sequence

from curate.process_data.edit_blocks import EditBlock

FileBlocks = Mapping[str, Sequence[EditBlock]]
"""Blocks by path, in the order in which they apply."""

_SEARCH_REPLACE = re.compile(
    r"^### (?P<path>[^\n]+)\n<<<<<<< SEARCH\n(?P<search>.*?)\n=======\n(?P<replace>.*?)"
    r"\n>>>>>>> REPLACE$",
    re.MULTILINE | re.DOTALL,
)
_MODIFICATION = re.compile(
    r"^# modification \d+\n```python\n<file>(?P<path>[^\n]*?)</file>\n"
    r"<original>(?P<search>.*?)</original>\n<patched>(?P<replace>.*?)</patched>\n```$",
    re.MULTILINE | re.DOTALL | re.IGNORECASE,
)


def render_search_replace(blocks: FileBlocks) -> str:
    """Return blocks between the marks of a conflict, each below the path of its file."""
    return "\n".join(
        f"### {path}\n<<<<<<< SEARCH\n{block.search}\n=======\n{block.replace}\n>>>>>>> REPLACE\n"
        for path, block in _iter_blocks(blocks)
    )


def render_modifications(blocks: FileBlocks) -> str:
    """Return blocks as numbered modifications with original and patched code."""
    return "\n".join(
        f"# modification {number}\n```python\n<file>{path}</file>\n"
        f"<original>{block.search}</original>\n<patched>{block.replace}</patched>\n```\n"
        for number, (path, block) in enumerate(_iter_blocks(blocks), 1)
    )


def parse_search_replace(text: str) -> dict[str, list[EditBlock]]:
    """Read what `render_search_replace` wrote; text between blocks is ignored."""
    return _parse(_SEARCH_REPLACE, text)


def parse_modifications(text: str) -> dict[str, list[EditBlock]]:
    """Read what `render_modifications` wrote; text between modifications is ignored."""
    return _parse(_MODIFICATION, text)


def _iter_blocks(blocks: FileBlocks) -> list[tuple[str, EditBlock]]:
    return [(path, block) for path, edits in blocks.items() for block in edits]


def _parse(pattern: re.Pattern[str], text: str) -> dict[str, list[EditBlock]]:
    blocks: dict[str, list[EditBlock]] = {}
    for match in pattern.finditer(text):
        block = EditBlock(search=match["search"], replace=match["replace"])
        blocks.setdefault(match["path"], []).append(block)
    return blocks
