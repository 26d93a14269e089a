"""Read pyproject.toml: PEP 518, 621 and 735, and the tables of flit, poetry, pdm, hatch and uv."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from packaging.dependency_groups import resolve_dependency_groups
from packaging.utils import canonicalize_name

from curate.builders.git.tree import FileTree
from curate.builders.requirements.environment_tables import read_environment_groups
from curate.builders.requirements.poetry import read_poetry
from curate.builders.requirements.project import ProjectMetadata
from curate.builders.requirements.setup_cfg import read_plain_files
from curate.builders.requirements.text import decode_text

PATH = "pyproject.toml"


def read_pyproject(tree: FileTree) -> ProjectMetadata | None:
    """Return the metadata of pyproject.toml, or None if it is missing; invalid TOML is noted.

    It declares dependencies only with `[project]`, `[tool.poetry]` or `[tool.flit.metadata]`.
    """
    content = tree.read(PATH)
    if content is None:
        return None
    try:
        data = tomllib.loads(decode_text(content))
    except tomllib.TOMLDecodeError:
        note = f"{PATH} cannot be parsed"
        return ProjectMetadata(origin=PATH, notes=(note,), unknowns=(note,))
    tool = data.get("tool", {})
    poetry = read_poetry(tool["poetry"]) if "poetry" in tool else ProjectMetadata(origin=PATH)
    if "metadata" in tool.get("flit", {}):
        pep621 = _read_flit_table(tool["flit"]["metadata"])
    else:
        pep621 = _read_project_table(tree, data)
    groups = {**poetry.groups, **_read_dependency_groups(tree, data)}
    return ProjectMetadata(
        origin=PATH,
        name=pep621.name or poetry.name,
        dependencies=_merge_dependencies(pep621, poetry),
        extras=pep621.extras if pep621.extras is not None else poetry.extras,
        groups=groups,
        requires_python=pep621.requires_python or poetry.requires_python,
        classifiers=pep621.classifiers or poetry.classifiers,
        build_requires=tuple(data.get("build-system", {}).get("requires", ())),
        folders=poetry.folders,
        notes=poetry.notes + pep621.notes,
        unknowns=(*pep621.unknowns, *_find_unread_backend(data)),
    )


def _find_unread_backend(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence if the back-end has its metadata where nobody looks."""
    backend = str(data.get("build-system", {}).get("build-backend", "setuptools"))
    tool = data.get("tool", {})
    is_known = "project" in data or "poetry" in tool or "metadata" in tool.get("flit", {})
    if not is_known and not backend.startswith("setuptools"):
        yield f"{PATH}: the metadata of {backend} are not read"


def _merge_dependencies(pep621: ProjectMetadata, poetry: ProjectMetadata) -> tuple[str, ...] | None:
    return poetry.dependencies if pep621.dependencies is None else pep621.dependencies


def _read_flit_table(table: Mapping[str, Any]) -> ProjectMetadata:
    """Read the table in which flit kept all metadata before PEP 621."""
    extras = {name: tuple(lines) for name, lines in table.get("requires-extra", {}).items()}
    if "dev-requires" in table:
        extras.setdefault("dev", tuple(table["dev-requires"]))
    return ProjectMetadata(
        origin=PATH,
        name=table.get("dist-name") or table.get("module", ""),
        dependencies=tuple(table.get("requires", ())),
        extras=extras,
        requires_python=table.get("requires-python", ""),
        classifiers=tuple(table.get("classifiers", ())),
    )


def _read_project_table(tree: FileTree, data: Mapping[str, Any]) -> ProjectMetadata:
    """Read `[project]`; dynamic fields come from the build tool's tables, or stay None."""
    if "project" not in data:
        return ProjectMetadata(origin=PATH)
    project = data["project"]
    dynamic = project.get("dynamic", ())
    dependencies, extras = project.get("dependencies"), project.get("optional-dependencies")
    if "dependencies" in dynamic:
        dependencies = _read_dynamic_dependencies(tree, data)
    elif dependencies is None and "poetry" not in data.get("tool", {}):
        dependencies = ()
    if "optional-dependencies" in dynamic:
        extras = _read_dynamic_extras(tree, data)
    unread = [
        name
        for name, value in (("dependencies", dependencies), ("optional-dependencies", extras))
        if name in dynamic and value is None
    ]
    notes = tuple(f"{PATH}: {name} are dynamic, and not declared in a file" for name in unread)
    guessed = bool(dynamic) and "custom" in _hatch_hooks(data)
    return ProjectMetadata(
        origin=PATH,
        name=project.get("name", ""),
        dependencies=None if dependencies is None else tuple(dependencies),
        extras=None if extras is None else {name: tuple(lines) for name, lines in extras.items()},
        requires_python=project.get("requires-python", ""),
        classifiers=tuple(project.get("classifiers", ())),
        notes=notes,
        unknowns=(*notes, *([f"{PATH}: a build hook was not run"] if guessed else ())),
    )


def _read_dynamic_dependencies(tree: FileTree, data: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the dependencies that setuptools or a metadata hook of hatch reads from files."""
    files = _setuptools_dynamic(data).get("dependencies") or _requirements_hook(data)
    return _read_dynamic_files(tree, files) or _read_hook_files(tree, data)


def _read_dynamic_extras(
    tree: FileTree, data: Mapping[str, Any]
) -> dict[str, tuple[str, ...]] | None:
    """Return the extras that setuptools or a metadata hook of hatch reads from files."""
    hook = _requirements_hook(data).get("optional-dependencies", {})
    named = _setuptools_dynamic(data).get("optional-dependencies") or {
        name: {"files": files} for name, files in hook.items()
    }
    extras = {name: _read_dynamic_files(tree, spec) or () for name, spec in named.items()}
    return extras or None


def _setuptools_dynamic(data: Mapping[str, Any]) -> Mapping[str, Any]:
    table: Mapping[str, Any] = data.get("tool", {}).get("setuptools", {}).get("dynamic", {})
    return table


def _hatch_hooks(data: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = data.get("tool", {}).get("hatch", {}).get("metadata", {})
    hooks: Mapping[str, Any] = metadata.get("hooks", {})
    return hooks


def _requirements_hook(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the table of the hook `hatch-requirements-txt`."""
    table: Mapping[str, Any] = _hatch_hooks(data).get("requirements_txt", {})
    return table


def _read_hook_files(tree: FileTree, data: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the lines of requirements files that the project's own hook names."""
    hook = _hatch_hooks(data).get("custom")
    if hook is None:
        return None
    script = decode_text(tree.read(hook.get("path", "hatch_build.py")) or b"")
    named = re.findall(r"""["']([^"'\n]+\.(?:txt|in))["']""", script)
    files = [path for path in dict.fromkeys(named) if tree.read(path) is not None]
    return read_plain_files(tree, files) or None


def _read_dynamic_files(tree: FileTree, spec: Mapping[str, Any] | None) -> tuple[str, ...] | None:
    """Read the files of setuptools' `{file = [...]}`, or of a hook's `files = [...]`."""
    names = [(spec or {}).get(key) for key in ("file", "files", "filename")]
    files = next(filter(None, names), None)
    if not files:
        return None
    return read_plain_files(tree, [files] if isinstance(files, str) else list(files))


def _read_dependency_groups(tree: FileTree, data: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the groups of PEP 735, uv and pdm, and the environments of hatch and pixi.

    Those of the same name are one, except that a group of PEP 735 replaces pdm's.
    """
    tool = data.get("tool", {})
    legacy = {"dev": tool.get("uv", {}).get("dev-dependencies", [])}
    tables = [tool.get("pdm", {}).get("dev-dependencies", {}), data.get("dependency-groups", {})]
    groups: dict[str, tuple[str, ...]] = {k: tuple(v) for k, v in legacy.items() if v}
    table: dict[str, Any] = {}
    for names in tables:
        table = {canonicalize_name(name): lines for name, lines in names.items()}
        groups.update({name: _expand_group(table, name) for name in table})
    for name, lines in read_environment_groups(tree, tool).items():
        key = canonicalize_name(name)
        own = _expand_group({**table, key: lines}, key)
        groups[key] = tuple(dict.fromkeys((*groups.get(key, ()), *own)))
    return groups


def _expand_group(table: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return the requirement lines of a PEP 735 group; without includes if they are invalid."""
    try:
        return resolve_dependency_groups(table, name)
    except (ExceptionGroup, LookupError, TypeError, ValueError):
        own = table[name] if isinstance(table[name], list) else ()
        return tuple(line for line in own if isinstance(line, str))
