"""Entry points as `pyproject.toml`, `setup.cfg` and `setup.py` declare them, read as text.

Part of the script of `renew.py`, on Pythons without a parser of TOML.
"""

from typing import Any


def _read_toml(text: str) -> Any:
    """Yield the entry points of a `pyproject.toml`, whose tables of them have plain lines only."""
    import re

    table = ""
    for line in text.splitlines():
        head = re.match(r"\s*\[([^\[\]]+)\]\s*(?:#.*)?$", line)
        if head:
            table = re.sub(r"[\"'\s]", "", head.group(1))
            continue
        inline = re.match(r"\s*(scripts|gui-scripts)\s*=\s*\{(.*)\}", line)
        lines = inline.group(2).split(",") if inline and table == "project" else [line]
        group = _group_of(table + "." + inline.group(1) if inline else table)
        for pair in lines if group else ():
            found = re.match(r"\s*[\"']?([^\"'=]+?)[\"']?\s*=\s*[\"']([^\"']+)[\"']", pair)
            if found:
                yield group, found.group(1).strip(), found.group(2).strip()


def _group_of(table: str) -> str:
    """Return the group of entry points that a table of `pyproject.toml` has; "" for none."""
    if table in ("project.scripts", "tool.poetry.scripts", "tool.flit.scripts"):
        return "console_scripts"
    if table == "project.gui-scripts":
        return "gui_scripts"
    for prefix in ("project.entry-points.", "tool.poetry.plugins.", "tool.flit.entrypoints."):
        if table.startswith(prefix):
            return table[len(prefix) :]
    return ""


def read_ini(text: str) -> Any:
    """Yield the entry points of text like `entry_points.txt`."""
    group = ""
    for line in text.splitlines():
        name, equals, reference = line.partition("=")
        if line.strip().startswith("["):
            group = line.strip().strip("[] ")
        elif group and equals and not line.strip().startswith(("#", ";")):
            yield group, name.strip(), reference.strip()


def _read_setup_cfg(text: str) -> Any:
    """Yield the entry points of a `setup.cfg`."""
    import configparser

    parser = configparser.RawConfigParser(delimiters=("=",), strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text)
    except configparser.Error:
        return
    for section in ("options.entry_points", "entry_points"):
        for group, lines in parser.items(section) if parser.has_section(section) else ():
            yield from read_ini("[" + group + "]\n" + lines)


def _read_setup_py(text: str) -> Any:
    """Yield the entry points that a `setup.py` has as literals."""
    import ast

    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError):
        return
    for node in nodes:
        for word in node.keywords if isinstance(node, ast.Call) else ():
            if word.arg != "entry_points":
                continue
            try:
                value = ast.literal_eval(word.value)
            except ValueError:
                continue
            groups = value.items() if isinstance(value, dict) else ()
            text = value if isinstance(value, str) else ""
            for group, lines in groups:
                joined = lines if isinstance(lines, str) else "\n".join(lines)
                text += "[" + group + "]\n" + joined + "\n"
            yield from read_ini(text)


READERS = {"pyproject.toml": _read_toml, "setup.cfg": _read_setup_cfg, "setup.py": _read_setup_py}
