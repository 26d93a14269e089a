"""Optional modules without which tests are skipped: by reasons of skips, and by helper files."""

import ast
import re
from collections.abc import Iterable, Iterator
from posixpath import dirname, join, normpath

from curate.builders.model import Outcome
from curate.core.model import Validation
from curate.environments.evidence import RepositoryEvidence
from curate.validate.anticipate import EXPECTED
from curate.validate.missing import MissingThing

MIN_SHARE = 1 / 2  # of the tests of a file that are skipped, for the file to count
MAX_MODULES = 40

_REASON = re.compile(r"^curate: \d+ skipped: (.+)$", re.MULTILINE)  # printed by our plugin
_WORD = r"['\"`]?([A-Za-z_][\w.-]*\w)['\"`]?"
_NEEDED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"could not import {_WORD}",
        rf"no module named {_WORD}",
        rf"(?:{_WORD} (?:and|or) |{_WORD}, )*{_WORD} (?:is |are )?(?:not |un)(?:installed|available"
        r"|found|importable|present)",
        rf"{_WORD} (?:is |are )?(?:required|missing|needed)",
        r"(?:requires?|needs?|missing|without|install|no) (?:the |package |module |library )?"
        rf"{_WORD}(?:(?:,| and| or|,? and|/) {_WORD})*",
    )
)
_TESTS_A_MODULE = re.compile(
    r"import|find_spec|skip_(?:if_no|unless|without)|(?:has|have|needs?|requires?)_(?:module|package)"
)


def find_skipped(
    record: Validation, log: str, test_files: Iterable[str], evidence: RepositoryEvidence
) -> Iterator[MissingThing]:
    """Yield the modules without which many tests of a file are skipped, by *record* and *log*.

    What a test file that skips all its tests names itself is missing. Of all else only what the
    repository names elsewhere, too, may be installed.
    """
    after = next((run for run in record.runs if run.side == "after"), None)
    skipped: list[str] = []
    for path in test_files if after else ():
        assert after is not None
        outcomes = [o for n, o in after.outcomes.items() if n.partition("::")[0] == path]
        if outcomes.count(Outcome.SKIPPED) > len(outcomes) * MIN_SHARE:
            skipped.append(path)
        if outcomes and set(outcomes) == {Outcome.SKIPPED}:
            for module in list_optional_imports(_read_text(path, evidence)):
                yield _make_thing("module", module, path)
    if skipped:
        named = (*_list_named(log), *_list_in_helpers(skipped, evidence))
        for module in list(dict.fromkeys(named))[:MAX_MODULES]:
            yield _make_thing(f"{EXPECTED}module", module, skipped[0])


def _make_thing(kind: str, module: str, path: str) -> MissingThing:
    evidence = f"tests are skipped, perhaps without {module}"
    return MissingThing(kind=kind, name=module, where=path, evidence=evidence)


def _list_named(log: str) -> Iterator[str]:
    """Yield what the reasons of skips in *log* may name as missing."""
    for reason in dict.fromkeys(_REASON.findall(log)):
        for pattern in _NEEDED:
            for match in pattern.finditer(reason):
                yield from filter(None, match.groups())


def _list_in_helpers(paths: Iterable[str], evidence: RepositoryEvidence) -> Iterator[str]:
    """Yield the optional imports of test files, and of the helpers that they load directly."""
    seen: set[str] = set()
    for path in paths:
        for helper in (path, *_iter_helpers(path, _read_text(path, evidence))):
            if helper not in seen:
                seen.add(helper)
                yield from list_optional_imports(_read_text(helper, evidence))


def _iter_helpers(path: str, text: str) -> Iterator[str]:
    """Yield the paths that helpers of the test file *path* have, whether or not they exist."""
    folder = dirname(path)
    for level in range(folder.count("/") + 2 if folder else 1):
        above = "/".join(folder.split("/")[: len(folder.split("/")) - level])
        yield join(above, "conftest.py")
        if "test" in above.rpartition("/")[2]:
            yield join(above, "__init__.py")
    for module, names in _iter_imports(text, folder):
        near = "test" in module or dirname(module) == folder
        candidates = (module, *(join(module, name) for name in names)) if near else ()
        for each in candidates:
            yield f"{each}.py"
            yield join(each, "__init__.py")


def _iter_imports(text: str, folder: str) -> Iterator[tuple[str, list[str]]]:
    """Yield (path of a module without suffix, imported names), from the root or *folder*."""
    tree = _parse(text)
    for node in tree.body if tree else ():
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.replace(".", "/"), []
                yield join(folder, alias.name.replace(".", "/")), []
        elif isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names]
            module = (node.module or "").replace(".", "/")
            if node.level:
                yield normpath(join(folder, *[".."] * (node.level - 1), module)), names
            else:
                yield module, names
                yield join(folder, module), []
                yield from ((join(root, module), names) for root in ("src", "lib"))


def list_optional_imports(source: str) -> tuple[str, ...]:
    """Return the modules that a file needs for its tests, but does without."""
    tree = _parse(source)
    found: list[str] = []
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Try) and any(map(_catches_import_error, node.handlers)):
            for statement in node.body:
                if isinstance(statement, ast.Import):
                    found += [alias.name for alias in statement.names]
                elif isinstance(statement, ast.ImportFrom) and statement.module:
                    found += [] if statement.level else [statement.module]
        elif isinstance(node, ast.Call) and _TESTS_A_MODULE.search(_last_name(node.func)):
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and _is_module(first.value):
                found.append(str(first.value))
    return tuple(dict.fromkeys(found))


def _last_name(function: ast.expr) -> str:
    return ast.unparse(function).rpartition(".")[2]


def _is_module(value: object) -> bool:
    return isinstance(value, str) and all(map(str.isidentifier, value.split(".")))


def _parse(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return None


def _catches_import_error(handler: ast.ExceptHandler) -> bool:
    return (
        handler.type is None
        or "ImportError" in ast.unparse(handler.type)
        or ("ModuleNotFoundError" in ast.unparse(handler.type))
    )


def _read_text(path: str, evidence: RepositoryEvidence) -> str:
    return (evidence.head.read(path) or b"").decode("utf-8", "replace")
