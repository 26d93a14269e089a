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

MAX_LOADED_FILES = 200

_CONFIGURATION = ("pytest.ini", "tox.ini", "setup.cfg", "pyproject.toml")
_ADDOPTS = re.compile(r"^addopts\s*=\s*(\[[^\]]*\]|.*(?:\n[ \t]+.*)*)", re.MULTILINE)
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
    for path, text in _iter_loaded((*places, *_list_loaded(test_files)), evidence):
        for module in list_imports(text):
            yield MissingThing(
                kind=f"{EXPECTED}module", name=module, where=path, evidence=f"import {module}"
            )
        for marker in dict.fromkeys(_MARK.findall(text)):
            if marker in load_providers().markers:
                yield MissingThing(
                    kind=f"{EXPECTED}marker", name=marker, where=path, evidence=f"mark {marker}"
                )
    for path in _CONFIGURATION:
        for option in list_default_options(_read_text(path, evidence)):
            if load_providers().find_option_plugin(option):
                yield MissingThing(
                    kind=f"{EXPECTED}option", name=option, where=path, evidence=f"addopts {option}"
                )


def _iter_loaded(paths: Iterable[str], evidence: RepositoryEvidence) -> Iterator[tuple[str, str]]:
    """Yield (path, text) of these files, and of those of the repository that they import."""
    waiting, seen = list(paths), set[str]()
    while waiting and len(seen) < MAX_LOADED_FILES:
        path = waiting.pop(0)
        if path in seen:
            continue
        seen.add(path)
        text = _read_text(path, evidence)
        yield path, text
        for module in list_imports(text):
            path_of_module = module.replace(".", "/")
            near = join(dirname(path), f"{path_of_module}.py")
            waiting += [near, f"{path_of_module}.py", f"{path_of_module}/__init__.py"]


def _read_text(path: str, evidence: RepositoryEvidence) -> str:
    return (evidence.head.read(path) or b"").decode("utf-8", "replace")


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


def list_default_options(configuration: str) -> tuple[str, ...]:
    """Return the options that `addopts` in a configuration file gives to pytest."""
    match = _ADDOPTS.search(configuration)
    words = re.split(r"[\s,\"'\[\]]+", match[1]) if match else ()
    return tuple(word for word in words if word.startswith("-"))
