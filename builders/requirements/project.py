"""Metadata of a project, from whichever file declares it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from packaging.utils import canonicalize_name

from curate.builders.requirements.requirement_line import (
    InvalidRequirementLineError,
    add_marker,
    parse_requirement,
)


@dataclass(frozen=True, kw_only=True)
class ProjectMetadata:
    """Metadata of one file; None or "" for what it does not declare."""

    origin: str
    name: str = ""
    dependencies: tuple[str, ...] | None = None
    extras: Mapping[str, tuple[str, ...]] | None = None
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    requires_python: str = ""
    classifiers: tuple[str, ...] = ()
    build_requires: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()  # of projects beside this one that it requires, from its own
    notes: tuple[str, ...] = ()
    unknowns: tuple[str, ...] = ()  # why requirements may differ from what was read; also in notes


def merge_projects(projects: Iterable[ProjectMetadata]) -> ProjectMetadata:
    """Merge the metadata of several files; the first file that declares a field wins."""
    merged = ProjectMetadata(origin="")
    for other in projects:
        is_settled = merged.dependencies is not None and merged.extras is not None
        merged = ProjectMetadata(
            origin=merged.origin if merged.dependencies is not None else other.origin,
            name=merged.name or other.name,
            dependencies=_first_known(merged.dependencies, other.dependencies),
            extras=merged.extras if merged.extras is not None else other.extras,
            groups={**other.groups, **merged.groups},
            requires_python=merged.requires_python or other.requires_python,
            classifiers=merged.classifiers or other.classifiers,
            build_requires=merged.build_requires or other.build_requires,
            folders=merged.folders + other.folders,
            notes=merged.notes + other.notes,
            unknowns=merged.unknowns + (() if is_settled else other.unknowns),
        )
    return merged


def _first_known(
    left: tuple[str, ...] | None, right: tuple[str, ...] | None
) -> tuple[str, ...] | None:
    return right if left is None else left


def split_conditional_extras(
    extras: Mapping[str, tuple[str, ...]],
) -> tuple[list[str], dict[str, list[str]]]:
    """Move the markers of setuptools extras, whose keys are `name:marker`, to their lines.

    Returns:
        Dependencies, which are the lines of keys without a name (`:python_version<"3"`), and
        name -> lines of the extras.
    """
    dependencies: list[str] = []
    named: dict[str, list[str]] = {}
    for key, lines in extras.items():
        name, _, marker = (part.strip() for part in key.partition(":"))
        target = named.setdefault(name, []) if name else dependencies
        for line in lines:
            try:
                target.append(add_marker(line, marker))
            except InvalidRequirementLineError:
                target.append(line)
    return dependencies, named


def resolve_extras(
    project: ProjectMetadata, extra_names: Iterable[str]
) -> tuple[list[str], list[str]]:
    """Return the lines of the extras *extra_names* ("*" = all), and the names not declared.

    References of an extra to other extras of the project (`name[other]`) are resolved.
    """
    declared: dict[str, tuple[str, ...]] = {
        canonicalize_name(name): lines for name, lines in (project.extras or {}).items()
    }
    queue = [canonicalize_name(name) if name != "*" else name for name in extra_names if name]
    if "*" in queue:
        queue = sorted(declared)
    lines: list[str] = []
    missing: list[str] = []
    seen: set[str] = set()
    while queue:
        extra = queue.pop(0)
        if extra in seen:
            continue
        seen.add(extra)
        if extra not in declared:
            missing.append(extra)
        for line in declared.get(extra, ()):
            referenced = _self_referenced_extras(line, project.name)
            queue += referenced
            lines += [] if referenced else [line]
    return lines, missing


def _self_referenced_extras(line: str, name: str) -> list[str]:
    local = re.match(r"^\.\[([^\]]+)\]", line.strip())
    if local:
        return [canonicalize_name(part.strip()) for part in local[1].split(",")]
    try:
        parsed = parse_requirement(line)
    except InvalidRequirementLineError:
        return []
    if not name or canonicalize_name(parsed.name) != canonicalize_name(name):
        return []
    return sorted(canonicalize_name(extra) for extra in parsed.extras)
