"""Read pyproject.toml: PEP 518, PEP 621, PEP 735, and the tables of poetry, pdm, hatch and uv."""

import tomllib
from collections.abc import Mapping
from typing import Any

from packaging.dependency_groups import resolve_dependency_groups
from packaging.utils import canonicalize_name

from curate.builders.git.tree import FileTree
from curate.builders.requirements.poetry import read_poetry
from curate.builders.requirements.project import ProjectMetadata
from curate.builders.requirements.setup_cfg import read_plain_files

PATH = "pyproject.toml"


def read_pyproject(tree: FileTree) -> ProjectMetadata | None:
    """Return the metadata of pyproject.toml, or None if it is missing; invalid TOML is noted.

    It declares dependencies only with `[project]` or `[tool.poetry]`.
    """
    content = tree.read(PATH)
    if content is None:
        return None
    try:
        data = tomllib.loads(content.decode("utf-8-sig", errors="replace"))
    except tomllib.TOMLDecodeError:
        return ProjectMetadata(origin=PATH, notes=(f"{PATH} cannot be parsed",))
    tool = data.get("tool", {})
    poetry = read_poetry(tool["poetry"]) if "poetry" in tool else ProjectMetadata(origin=PATH)
    pep621 = _read_project_table(tree, data) if "project" in data else ProjectMetadata(origin=PATH)
    groups = {**poetry.groups, **_read_dependency_groups(data)}
    return ProjectMetadata(
        origin=PATH,
        name=pep621.name or poetry.name,
        dependencies=_merge_dependencies(pep621, poetry),
        extras=pep621.extras if pep621.extras is not None else poetry.extras,
        groups=groups,
        requires_python=pep621.requires_python or poetry.requires_python,
        classifiers=pep621.classifiers or poetry.classifiers,
        build_requires=tuple(data.get("build-system", {}).get("requires", ())),
        notes=poetry.notes,
    )


def _merge_dependencies(pep621: ProjectMetadata, poetry: ProjectMetadata) -> tuple[str, ...] | None:
    return poetry.dependencies if pep621.dependencies is None else pep621.dependencies


def _read_project_table(tree: FileTree, data: Mapping[str, Any]) -> ProjectMetadata:
    """Read `[project]`; dynamic fields come from setuptools' table, or stay None."""
    project = data["project"]
    dynamic = project.get("dynamic", ())
    table = data.get("tool", {}).get("setuptools", {}).get("dynamic", {})
    dependencies = project.get("dependencies")
    if "dependencies" in dynamic:
        dependencies = _read_dynamic_files(tree, table.get("dependencies"))
    elif dependencies is None and "poetry" not in data.get("tool", {}):
        dependencies = ()
    extras = project.get("optional-dependencies")
    if "optional-dependencies" in dynamic:
        named = table.get("optional-dependencies")
        extras = (
            {name: _read_dynamic_files(tree, spec) or () for name, spec in named.items()}
            if named
            else None
        )
    return ProjectMetadata(
        origin=PATH,
        name=project.get("name", ""),
        dependencies=None if dependencies is None else tuple(dependencies),
        extras=None if extras is None else {name: tuple(lines) for name, lines in extras.items()},
        requires_python=project.get("requires-python", ""),
        classifiers=tuple(project.get("classifiers", ())),
    )


def _read_dynamic_files(tree: FileTree, spec: Mapping[str, Any] | None) -> tuple[str, ...] | None:
    """Read the files of setuptools' `{file = [...]}`."""
    files = (spec or {}).get("file")
    if not files:
        return None
    return read_plain_files(tree, [files] if isinstance(files, str) else list(files))


def _read_dependency_groups(data: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    tool = data.get("tool", {})
    legacy = {"dev": tool.get("uv", {}).get("dev-dependencies", [])}
    tables = [tool.get("pdm", {}).get("dev-dependencies", {}), data.get("dependency-groups", {})]
    tables += [_read_hatch_groups(tool)]
    groups: dict[str, tuple[str, ...]] = {k: tuple(v) for k, v in legacy.items() if v}
    for names in tables:
        table: dict[str, Any] = {canonicalize_name(name): lines for name, lines in names.items()}
        groups.update({name: _expand_group(table, name) for name in table})
    return groups


def _read_hatch_groups(tool: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return environment name -> dependencies of hatch's environments."""
    environments = tool.get("hatch", {}).get("envs", {})
    return {
        name: [*environment.get("dependencies", ()), *environment.get("extra-dependencies", ())]
        for name, environment in environments.items()
        if isinstance(environment, dict)
    }


def _expand_group(table: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return the requirement lines of a PEP 735 group; without includes if they are invalid."""
    try:
        return resolve_dependency_groups(table, name)
    except (ExceptionGroup, LookupError, TypeError, ValueError):
        own = table[name] if isinstance(table[name], list) else ()
        return tuple(line for line in own if isinstance(line, str))
