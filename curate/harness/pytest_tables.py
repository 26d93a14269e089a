"""Pytest's tables, and its plugins, in files that have settings of other tools, too.

Part of the script `prepare_checkout.py`: stands alone, Python 3.6 and later.
"""

import importlib
import re
from typing import Any

from curate.builders.editable.entry_points import READERS

# iniconfig ends lines where `str.splitlines` does.
_INI_HEADER = re.compile(r"(?:^|(?<=[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]))\[([^\]#;]*)\]")
_TOML_HEADER = re.compile(r"^[ \t]*\[+([^\]\n#]*)\]+[^\n]*$", re.MULTILINE)


def restore_tables(path: str, entry: Any, wanted: Any) -> Any:
    """Return *entry* with pytest's tables of *wanted*; *wanted* itself if that is uncertain."""
    for it in (entry, wanted):
        if it is not None and it[0] != "file":
            return wanted
    current, reference = (
        it[1].decode("utf-8", "surrogateescape") if it else "" for it in (entry, wanted)
    )
    if list_plugins(path, current) != list_plugins(path, reference):
        return wanted
    if path.endswith(".py"):
        return entry
    is_toml = path.endswith(".toml")
    tables, kept = split_tables(reference, is_toml)[1], split_tables(current, is_toml)
    if is_toml and not _are_same_tables(current, reference):
        current = _join_tables(kept[0], tables)
        if not _are_same_tables(current, reference):
            return wanted
    elif not is_toml and kept[1] != tables:
        current = _join_tables(kept[0], tables)
    if entry is None and not current.strip():
        return None
    content = current.encode("utf-8", "surrogateescape")
    return "file", content, entry[2] if entry else wanted[2]


def list_plugins(path: str, text: str) -> Any:
    """Return the entry points in *text* of the file *path* that pytest loads before any test.

    Hypothesis, whose plugin of pytest is loaded as early, loads those of its own.
    """
    read = READERS.get(path.rpartition("/")[2])
    points = set(read(text)) if read else ()
    return {it for it in points if it[0].startswith("pytest") or it[0] == "hypothesis"}


def split_tables(text: str, is_toml: bool) -> Any:  # noqa: FBT001
    """Return *text* without pytest's tables, and these tables."""
    heads = list((_TOML_HEADER if is_toml else _INI_HEADER).finditer(text))
    starts = [head.start() for head in heads]
    others = [text[: starts[0]] if starts else text]
    tables = []  # type: list[str]
    for head, end in zip(heads, [*starts[1:], len(text)]):  # noqa: B905
        chunk = text[head.start() : end]
        (tables if _is_pytest_table(head.group(1), is_toml) else others).append(chunk)
    return "".join(others), [table.strip() for table in tables]


def _is_pytest_table(name: str, is_toml: bool) -> bool:  # noqa: FBT001
    if not is_toml:
        return name in ("pytest", "tool:pytest")
    parts = [part.strip(" \t\"'") for part in name.split(".")]
    return parts[:2] == ["tool", "pytest"]


def _join_tables(text: str, tables: Any) -> str:
    return "\n\n".join([text.rstrip("\r\n"), *tables]).lstrip("\n") + "\n"


def _are_same_tables(text: str, reference: str) -> bool:
    """Whether both TOML texts have the same pytest tables; False if that cannot be told."""
    load = _find_toml_parser()
    if load is None:  # an old Python: only what is plain at first sight counts
        plain = not re.search(
            r"'''|\"\"\"|^\s*[\"']?(tool|pytest)[\"']?\s*[.=]", text, re.MULTILINE
        )
        return plain and split_tables(text, True)[1] == split_tables(reference, True)[1]
    try:
        found = [load(it).get("tool", {}).get("pytest") for it in (text, reference)]
    except (ValueError, AttributeError, RecursionError):
        return False
    return bool(found[0] == found[1])


def _find_toml_parser() -> Any:
    for name in ("tomllib", "tomli", "pip._vendor.tomli"):
        try:
            return importlib.import_module(name).loads
        except ImportError:
            continue
    return None
