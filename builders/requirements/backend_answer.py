"""What a build back-end says that a project requires, and what it changes in what was read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName, default_environment
from packaging.requirements import Requirement as Parsed
from packaging.specifiers import Specifier
from packaging.utils import NormalizedName, canonicalize_name, canonicalize_version

from curate.builders.requirements.project import ProjectMetadata
from curate.builders.requirements.requirement_line import (
    InvalidRequirementLineError,
    parse_requirement,
)

ORIGIN = "build back-end"
_EXACT = ("~=", "===")  # operators to which the number of version segments matters
Lines = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class BackendAnswer:
    """Metadata of a project as its build back-end made it, in the form of wheels."""

    name: str = ""
    requires: tuple[str, ...]  # Requires-Dist
    extras: tuple[str, ...] = ()  # Provides-Extra
    requires_python: str = ""
    classifiers: tuple[str, ...] = ()


def apply_answer(project: ProjectMetadata, answer: BackendAnswer, python: str) -> ProjectMetadata:
    """Return *project* with the requirements of *answer* for *python* where they differ.

    What was uncertain about the requirements is certain then. Lines that mean the same are left as
    they were read, so that an answer that confirms them changes no lock.
    """
    dependencies, extras = _active_requirements(answer, python)
    read = {canonicalize_name(name): lines for name, lines in (project.extras or {}).items()}
    merged: dict[str, Lines] = {
        name: _keep_read(read.get(name, ()), lines, python) for name, lines in extras.items()
    }
    uncertain = set(project.unknowns)
    return replace(
        project,
        origin=project.origin or ORIGIN,
        name=project.name or answer.name,
        dependencies=_keep_read(project.dependencies or (), dependencies, python),
        extras=merged,
        requires_python=answer.requires_python or project.requires_python,
        classifiers=answer.classifiers or project.classifiers,
        notes=tuple(note for note in project.notes if note not in uncertain),
        unknowns=(),
    )


def is_line_active(line: str, python: str) -> bool:
    """Whether the marker of *line* holds for *python* on this machine; invalid lines are active."""
    try:
        return _is_active(parse_requirement(line), python)
    except InvalidRequirementLineError:
        return True


def normalize_requirement(line: str) -> tuple[str, ...]:
    """Return what *line* requires, without its marker: equal for lines that mean the same."""
    try:
        parsed = parse_requirement(line)
    except InvalidRequirementLineError:
        return (line.strip(),)
    clauses = sorted(_normalize_clause(clause) for clause in parsed.specifier)
    extras = sorted(canonicalize_name(extra) for extra in parsed.extras)
    return (canonicalize_name(parsed.name), ",".join(extras), ",".join(clauses))


def _normalize_clause(clause: Specifier) -> str:
    if clause.operator in _EXACT or clause.version.endswith(".*"):
        return str(clause)
    return clause.operator + canonicalize_version(clause.version)


def _keep_read(read: Lines, told: Lines, python: str) -> Lines:
    """Return *told*, with lines of *read* that mean the same; *read* itself if all do."""
    active = [line for line in read if is_line_active(line, python)]
    by_meaning = {normalize_requirement(line): line for line in active}
    if by_meaning.keys() == {normalize_requirement(line) for line in told}:
        return read
    return tuple(by_meaning.get(normalize_requirement(line), line) for line in told)


def _active_requirements(
    answer: BackendAnswer, python: str
) -> tuple[Lines, Mapping[NormalizedName, Lines]]:
    """Return dependencies and extra -> lines, for *python*, without markers."""
    dependencies: list[str] = []
    extras: dict[NormalizedName, list[str]] = {canonicalize_name(it): [] for it in answer.extras}
    for line in answer.requires:
        try:
            parsed = parse_requirement(line)
        except InvalidRequirementLineError:
            dependencies += [] if "extra" in line.partition(";")[2] else [line]
            continue
        bare = _without_marker(parsed)
        if _is_active(parsed, python):
            dependencies.append(bare)
            continue
        for extra in extras:
            extras[extra] += [bare] if _is_active(parsed, python, extra) else []
    return tuple(dict.fromkeys(dependencies)), {k: tuple(v) for k, v in extras.items()}


def _is_active(parsed: Parsed, python: str, extra: str = "") -> bool:
    if parsed.marker is None:
        return True
    environment: dict[str, str] = {
        **{name: str(value) for name, value in default_environment().items()},
        "python_version": python,
        "python_full_version": f"{python}.20",  # of a late patch release
        "extra": extra,
    }
    try:
        return parsed.marker.evaluate(environment)
    except (UndefinedComparison, UndefinedEnvironmentName):
        return True


def _without_marker(parsed: Parsed) -> str:
    bare = Parsed(str(parsed))
    bare.marker = None
    return str(bare)


def describe_changes(before: Iterable[str], after: Iterable[str]) -> Iterable[str]:
    """Yield a sentence for each requirement line that only one of both has."""
    old, new = dict.fromkeys(before), dict.fromkeys(after)
    for line in new:
        if line not in old:
            yield f"the {ORIGIN} also requires {line}"
    for line in old:
        if line not in new:
            yield f"the {ORIGIN} does not require {line}"
