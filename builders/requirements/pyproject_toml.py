"""pyproject.toml: PEP 518, PEP 621, PEP 735, and the tables of poetry and pdm."""

import tomllib
from collections.abc import Mapping
from typing import Any

from packaging.dependency_groups import resolve_dependency_groups
from packaging.utils import canonicalize_name

from builders.git.tree import Tree
from builders.requirements.poetry import read_poetry
from builders.requirements.project import Project
from builders.requirements.setup_cfg import read_texts

PATH = "pyproject.toml"


def read_pyproject(tree: Tree) -> Project | None:
    """Return the metadata of pyproject.toml, or None where it is missing or malformed.

    Its requirements count only where it has `[project]` or `[tool.poetry]`.
    """
    content = tree.read(PATH)
    if content is None:
        return None
    try:
        data = tomllib.loads(content.decode("utf-8-sig", errors="replace"))
    except tomllib.TOMLDecodeError:
        return Project(origin=PATH, notes=(f"{PATH} cannot be parsed",))
    tool = data.get("tool", {})
    poetry = read_poetry(tool["poetry"]) if "poetry" in tool else Project(origin=PATH)
    pep621 = _read_project(tree, data) if "project" in data else Project(origin=PATH)
    groups = {**poetry.groups, **_read_groups(data)}
    return Project(
        origin=PATH,
        name=pep621.name or poetry.name,
        dependencies=_dependencies(pep621, poetry),
        extras=pep621.extras if pep621.extras is not None else poetry.extras,
        groups=groups,
        requires_python=pep621.requires_python or poetry.requires_python,
        classifiers=pep621.classifiers or poetry.classifiers,
        build_requires=tuple(data.get("build-system", {}).get("requires", ())),
        notes=poetry.notes,
    )


def _dependencies(pep621: Project, poetry: Project) -> tuple[str, ...] | None:
    return poetry.dependencies if pep621.dependencies is None else pep621.dependencies


def _read_project(tree: Tree, data: Mapping[str, Any]) -> Project:
    """Read `[project]`; what is dynamic comes from setuptools' table, or is left open."""
    project = data["project"]
    dynamic = project.get("dynamic", ())
    table = data.get("tool", {}).get("setuptools", {}).get("dynamic", {})
    dependencies = project.get("dependencies")
    if "dependencies" in dynamic:
        dependencies = _from_files(tree, table.get("dependencies"))
    elif dependencies is None and "poetry" not in data.get("tool", {}):
        dependencies = ()
    extras = project.get("optional-dependencies")
    if "optional-dependencies" in dynamic:
        named = table.get("optional-dependencies")
        extras = (
            {name: _from_files(tree, spec) or () for name, spec in named.items()} if named else None
        )
    return Project(
        origin=PATH,
        name=project.get("name", ""),
        dependencies=None if dependencies is None else tuple(dependencies),
        extras=None if extras is None else {name: tuple(lines) for name, lines in extras.items()},
        requires_python=project.get("requires-python", ""),
        classifiers=tuple(project.get("classifiers", ())),
    )


def _from_files(tree: Tree, spec: Mapping[str, Any] | None) -> tuple[str, ...] | None:
    """Read setuptools' `{file = [...]}`."""
    files = (spec or {}).get("file")
    if not files:
        return None
    return read_texts(tree, [files] if isinstance(files, str) else list(files))


def _read_groups(data: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    tool = data.get("tool", {})
    legacy = {"dev": tool.get("uv", {}).get("dev-dependencies", [])}
    tables = [tool.get("pdm", {}).get("dev-dependencies", {}), data.get("dependency-groups", {})]
    tables += [_hatch_groups(tool)]
    groups: dict[str, tuple[str, ...]] = {k: tuple(v) for k, v in legacy.items() if v}
    for names in tables:
        table: dict[str, Any] = {canonicalize_name(name): lines for name, lines in names.items()}
        groups.update({name: _group(table, name) for name in table})
    return groups


def _hatch_groups(tool: Mapping[str, Any]) -> dict[str, list[str]]:
    """Dependencies of hatch's environments, under the environments' names."""
    environments = tool.get("hatch", {}).get("envs", {})
    return {
        name: [*environment.get("dependencies", ()), *environment.get("extra-dependencies", ())]
        for name, environment in environments.items()
        if isinstance(environment, dict)
    }


def _group(table: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Requirement lines of a PEP 735 group; of one that tools refuse, only its own lines."""
    try:
        return resolve_dependency_groups(table, name)
    except (ExceptionGroup, LookupError, TypeError, ValueError):
        own = table[name] if isinstance(table[name], list) else ()
        return tuple(line for line in own if isinstance(line, str))
