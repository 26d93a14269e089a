"""Modules as one file that stands alone: imports from their package are replaced by the code."""

import re
from functools import cache
from importlib.resources import files


@cache
def read_standalone_source(package: str, name: str) -> str:
    """Return the source of the module *name* of *package* with what it imports from there."""
    pattern = rf"^from {re.escape(package)}\.(\w+) import (?:\([^)]*\)|[\w, ]+)\n"
    return _inline_imports(package, name, re.compile(pattern, re.MULTILINE), set())


def _inline_imports(package: str, name: str, imports: re.Pattern[str], inlined: set[str]) -> str:
    """Return the source of a module with the code that it imports, each module once."""

    def replace(match: re.Match[str]) -> str:
        if match[1] in inlined:
            return ""
        inlined.add(match[1])
        return _inline_imports(package, match[1], imports, inlined)

    text = files(package).joinpath(f"{name}.py").read_text(encoding="utf-8")
    return imports.sub(replace, text)
