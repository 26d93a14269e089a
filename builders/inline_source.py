"""Modules as one file that stands alone: imports from curate are replaced by the imported code."""

import re
from functools import cache
from importlib.resources import files

_IMPORT = re.compile(
    r"^from (curate(?:\.\w+)*)\.(\w+) import (?:\([^)]*\)|[\w, ]+)\n", re.MULTILINE
)


@cache
def read_standalone_source(package: str, name: str) -> str:
    """Return the source of the module *name* of *package* with what it imports from curate."""
    return _inline_imports(package, name, set())


def _inline_imports(package: str, name: str, inlined: set[tuple[str, str]]) -> str:
    """Return the source of a module with the code that it imports, each module once."""

    def replace(match: re.Match[str]) -> str:
        if (match[1], match[2]) in inlined:
            return ""
        inlined.add((match[1], match[2]))
        return _inline_imports(match[1], match[2], inlined)

    text = files(package).joinpath(f"{name}.py").read_text(encoding="utf-8")
    return _IMPORT.sub(replace, text)
