"""What a test session will miss next: the other imports of its files, which stop it one by one."""

import ast
import re
from collections.abc import Iterable, Iterator
from posixpath import dirname, join

from curate.environments.evidence import RepositoryEvidence
from curate.environments.providers import load_providers
from curate.validate.missing import MissingThing

EXPECTED = "expected-"
"""Begin of the kinds of things that no log has named yet."""

_MARK = re.compile(r"^\s*@?(?:pytestmark\s*=\s*)?\[?pytest\.mark\.(\w+)", re.MULTILINE)


def anticipate_missing(
    missing: Iterable[MissingThing], test_files: Iterable[str], evidence: RepositoryEvidence
) -> Iterator[MissingThing]:
    """Yield the imports and markers of all files that the session loads, if something is missing.

    A conftest that imports three modules that are not installed would else cost three runs.
    """
    places = [thing.where for thing in missing if thing.kind in ("module", "distribution")]
    if not places:
        return
    for path in dict.fromkeys((*places, *_list_loaded(test_files))):
        text = (evidence.head.read(path) or b"").decode("utf-8", "replace")
        for module in list_imports(text):
            yield MissingThing(
                kind=f"{EXPECTED}module", name=module, where=path, evidence=f"import {module}"
            )
        for marker in dict.fromkeys(_MARK.findall(text)):
            if marker in load_providers().markers:
                yield MissingThing(
                    kind=f"{EXPECTED}marker", name=marker, where=path, evidence=f"mark {marker}"
                )


def _list_loaded(test_files: Iterable[str]) -> Iterator[str]:
    """Yield test files, and the conftest of each folder above them."""
    for path in test_files:
        yield path
        folder = dirname(path)
        while folder:
            yield join(folder, "conftest.py")
            folder = dirname(folder)
        yield "conftest.py"


def list_imports(source: str) -> tuple[str, ...]:
    """Return the modules that a file imports whatever happens: at its top level, not in a try."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return ()
    found: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.append(node.module)
    return tuple(dict.fromkeys(found))
