"""Modules as one file that stands alone: imports from their package are replaced by the code."""

import re
from functools import cache
from importlib.resources import files


@cache
def read_standalone_source(package: str, name: str, *others: str) -> str:
    """Return the source of the module *name* of *package* with what it imports from there.

    Or from *others*, which are further packages.
    """
    packages = "|".join(map(re.escape, (package, *others)))
    pattern = rf"^from ({packages})\.(\w+) import (?:\([^)]*\)|[\w, ]+)\n"
    return _inline_imports(package, name, re.compile(pattern, re.MULTILINE), set())


def _inline_imports(package: str, name: str, imports: re.Pattern[str], inlined: set[str]) -> str:
    """Return the source of a module with the code that it imports, each module once."""

    def replace(match: re.Match[str]) -> str:
        if match[0].split()[1] in inlined:
            return ""
        inlined.add(match[0].split()[1])
        return _inline_imports(match[1], match[2], imports, inlined)

    text = files(package).joinpath(f"{name}.py").read_text(encoding="utf-8")
    return imports.sub(replace, text)
