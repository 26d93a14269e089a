"""Development tools that tests import: they are requirements like any other.

Linters and documentation tools are left out of locks, as tests do not need them; but projects that
extend such a tool test it, and code may use a library that only a tool brings (mypy: typed_ast).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

from curate.builders.git.run import run_git
from curate.builders.git.tree import GitTree
from curate.builders.model import Failure
from curate.builders.package_facts import load_package_facts
from curate.builders.requirements import Manifest, read_manifest
from curate.patches.file_kinds import FileClassifier, is_documentation
from curate.recipes.schema import RequirementSources

_NO_SOURCE = re.compile(r"(?:^|/)(?:docs?|scripts?|tools?|bench\w*|examples?|setup\.py)(?:/|$)")


@dataclass(frozen=True, kw_only=True)
class ReadRequirements:
    """What a tree requires, and the sources that say so."""

    sources: RequirementSources
    manifest: Manifest | Failure


def read_with_imported_tools(
    mirror: Path,
    tree: GitTree,
    tested_commit: str,
    sources: RequirementSources,
    classifier: FileClassifier,
) -> ReadRequirements:
    """Read *sources* of *tree*, with the tools that test modules and `conftest.py` import.

    Imports are those of *tree* and of *tested_commit*, whose tests are run. A tool is also kept if
    any other module imports a library that it brings and nothing else declares.
    """
    manifest = read_manifest(tree, sources)
    kept = (
        _find_imported(mirror, (tree.commit, tested_commit), manifest, classifier)
        if isinstance(manifest, Manifest) and manifest.dropped_tools
        else []
    )
    if not kept:
        return ReadRequirements(sources=sources, manifest=manifest)
    names_kept = tuple(dict.fromkeys((*sources.force_include, *kept)))
    sources = sources.model_copy(update={"force_include": names_kept})
    return ReadRequirements(sources=sources, manifest=read_manifest(tree, sources))


def _find_imported(
    mirror: Path, commits: Iterable[str], manifest: Manifest, classifier: FileClassifier
) -> list[str]:
    """Return the tools that *manifest* drops although code of *commits* imports them."""
    brought = load_package_facts().tool_libraries
    declared = {item.name for item in manifest.requirements}
    libraries = {
        tool: {it for it in brought.get(tool, ()) if canonicalize_name(it) not in declared}
        for tool in manifest.dropped_tools
    }
    modules = {tool.replace("-", "_") for tool in manifest.dropped_tools}
    names = {*modules, *(it for names in libraries.values() for it in names)}
    found = dict.fromkeys(_iter_imports(mirror, commits, names))
    return [
        tool
        for tool in manifest.dropped_tools
        if any(
            (classifier.is_test(path) and name in {tool.replace("-", "_"), *libraries[tool]})
            or (name in libraries[tool] and _is_project_code(path))
            for path, name in found
        )
    ]


def _is_project_code(path: str) -> bool:
    return not _NO_SOURCE.search(path) and not is_documentation(path)


def _iter_imports(
    mirror: Path, commits: Iterable[str], names: Iterable[str]
) -> Iterator[tuple[str, str]]:
    """Yield (path, module) for every import of the modules *names* at *commits*."""
    choices = "|".join(sorted(map(re.escape, names)))
    pattern = rf"^[[:space:]]*(import|from)[[:space:]]+({choices})([^[:alnum:]_]|$)"
    arguments = ("grep", "-z", "-o", "-I", "-E", pattern, *dict.fromkeys(commits), "--", "*.py")
    output = run_git(mirror, *arguments).stdout.decode("utf-8", "surrogateescape")
    for line in output.splitlines():
        place, _, match = line.partition("\0")
        words = re.split(r"[\s.,;(]+", match.strip())
        if len(words) > 1:
            yield place.partition(":")[2], words[1]
