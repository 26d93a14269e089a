"""The sentences in docs/troubleshooting.md, put below the entries that they lead to."""

import re
from collections import defaultdict
from pathlib import Path

from curate.core.troubleshooting import find_anchor_by_names
from tests.reference.printed_errors import VARIES, PrintedError, list_printed_errors

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
_LIST = re.compile(r"(<!-- printed: start -->\n).*?(<!-- printed: end -->)", re.DOTALL)
_ENTRY = re.compile(r'<a id="([\w-]+)"></a>\n.*?<!-- printed: end -->', re.DOTALL)


def lead(error: PrintedError) -> str:
    """The anchor of the entry that *error* leads to."""
    return find_anchor_by_names(list(error.classes), error.message)


def list_sentences() -> dict[str, list[str]]:
    """The sentences of each entry; those that say nothing without what varies are left out."""
    found = defaultdict(set)
    for error in list_printed_errors():
        if re.search(r"\w", error.message.replace(VARIES, "")):
            found[lead(error)].add(" ".join(error.message.split()))
    return {anchor: sorted(each, key=str.casefold) for anchor, each in found.items()}


def render() -> str:
    """The page with the lists of today's code."""
    sentences = list_sentences()

    def fill(entry: re.Match[str]) -> str:
        lines = [f"- `{each.replace('`', '')}`" for each in sentences.get(entry[1], [])]
        text = "\n".join(["Printed as:", "", *lines, ""]) if lines else ""
        return _LIST.sub(lambda it: f"{it[1]}{text}{it[2]}", entry[0])

    return _ENTRY.sub(fill, PAGE.read_text(encoding="utf-8"))


def write() -> None:
    """Write it."""
    PAGE.write_text(render(), encoding="utf-8")
