"""From what was observed at several commits to the facts of a recipe, each with its reason."""

import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from builders.images.dockerfiles import BASE_PACKAGES
from builders.requirements.dev_tools import is_development_tool
from builders.requirements.requirement_line import InvalidRequirementLine, parse_requirement
from curate.patches.file_kinds import FileClassifier
from curate.recipe_tools.draft.observe import Observation, list_runners

XDIST = "pytest-xdist"
MIN_SHARE = 1 / 3  # of the commits that have to agree on what is no source of requirements
STALE_YEARS = 3  # versions that a file states under one and the same tag: then tags lie elsewhere

_WITH_DOCTESTS = ("doc", "src", "README")  # paths that hold tests, but are none


@cache
def _load_ci_facts() -> dict[str, Any]:
    text = files("curate.recipe_tools.draft").joinpath("ci_facts.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _is_listed(table: str, name: str) -> bool:
    """Whether a pattern of *table* matches the whole *name*."""
    return any(re.fullmatch(pattern, name) for pattern in _load_ci_facts()[table])


@dataclass(frozen=True, kw_only=True)
class DraftValue:
    """A value of a recipe and where it comes from."""

    value: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class RecipeDraft:
    """What a recipe is to say, and what its author should know besides."""

    repo: str
    import_name: DraftValue | None
    version_file: DraftValue | None  # None: the nearest tag serves
    files: tuple[DraftValue, ...]
    extras: tuple[DraftValue, ...]
    groups: tuple[DraftValue, ...]
    add: tuple[DraftValue, ...]
    system_packages: tuple[DraftValue, ...]
    env_vars: Mapping[str, DraftValue]
    test_command: DraftValue
    test_paths: tuple[DraftValue, ...]
    warnings: tuple[str, ...]
    seen: tuple[str, ...]  # "2019-03-02 1a2b3c4d5e", oldest first


FactPicker = Callable[[Observation], Iterable[tuple[str, str]]]
"""Values that an observation has, each with what says so."""


def draft_recipe(repo: str, observations: Sequence[Observation]) -> RecipeDraft:
    """Facts on which *observations* (oldest first, at least one) of *repo* agree enough."""
    added = {
        **_collect_facts(observations, _pick_named_packages, MIN_SHARE),
        **_collect_facts(observations, _pick_plugins),
    }
    recent = observations[-max(len(observations) // 3, 1) :]
    return RecipeDraft(
        repo=repo,
        import_name=_find_import_name(observations),
        version_file=_find_version_file(observations),
        files=tuple(_collect_files(observations)),
        extras=tuple(_collect_facts(observations, _pick_source("extras")).values()),
        groups=tuple(_collect_facts(observations, _pick_source("groups")).values()),
        add=tuple(added.values()),
        system_packages=tuple(_collect_facts(recent, _pick_system_packages).values()),
        env_vars=_collect_variables(observations),
        test_command=_choose_test_command(observations),
        test_paths=tuple(_collect_facts(observations, _pick_test_paths).values()),
        warnings=tuple(_find_warnings(observations)),
        seen=tuple(f"{it.date:%Y-%m-%d} {it.commit[:10]}" for it in observations),
    )


def _collect_facts(
    observations: Sequence[Observation], pick: FactPicker, share: float = 0.0
) -> dict[str, DraftValue]:
    """What *pick* finds in at least *share* of *observations*, with origins and years."""
    origins: dict[str, dict[str, None]] = {}
    years: dict[str, list[int]] = {}
    for observation in observations:
        for value, origin in dict(pick(observation)).items():
            origins.setdefault(value, {})[origin] = None
            years.setdefault(value, []).append(observation.date.year)
    return {
        value: DraftValue(value=value, reason=_format_reason(list(origins[value]), years[value]))
        for value in origins
        if len(years[value]) >= share * len(observations)
    }


def _format_reason(origins: Sequence[str], years: Sequence[int]) -> str:
    more = f" and {len(origins) - 2} more" if len(origins) > 2 else ""
    first, last = years[0], years[-1]
    return f"{', '.join(origins[:2])}{more}, {first if first == last else f'{first}-{last}'}"


def _pick_source(kind: str) -> FactPicker:
    return lambda observation: observation.sources[kind].items()


def _collect_files(observations: Sequence[Observation]) -> Iterator[DraftValue]:
    """Requirement files; those that a glob among them covers left out."""
    found = _collect_facts(observations, _pick_source("files"))
    globs = [name for name in found if "*" in name]
    for name, fact in found.items():
        if not any(name != glob and fnmatchcase(name, glob) for glob in globs):
            yield fact


def _pick_named_packages(observation: Observation) -> Iterator[tuple[str, str]]:
    """Packages that most test jobs install by name and no source declares; pins left aside.

    What a recipe adds is never dropped from a lock, so what only some jobs try is no part of it.
    """
    jobs = [job for job in observation.jobs if job.findings.runners]
    own = canonicalize_name(observation.project.name or "-")
    counts: Counter[str] = Counter()
    for job in jobs:
        counts.update({name for name in _requirement_names(job.findings.packages) if name != own})
    for name, count in counts.items():
        if count > len(jobs) / 2 and name not in observation.declared_names:
            yield (
                name,
                next(
                    job.origin for job in jobs if name in _requirement_names(job.findings.packages)
                ),
            )


def _requirement_names(lines: Iterable[str]) -> Iterator[str]:
    """Names of requirement lines, without tools and what CI needs for itself."""
    for line in lines:
        try:
            parsed = parse_requirement(line)
        except InvalidRequirementLine:
            continue
        name = canonicalize_name(parsed.name)
        if (
            not _is_listed("not_needed", name)
            and not is_development_tool(name)
            and _may_need_python_3(parsed)
        ):
            yield name


def _may_need_python_3(parsed: Requirement) -> bool:
    return parsed.marker is None or parsed.marker.evaluate({"python_version": "3.8"})


def _pick_plugins(observation: Observation) -> Iterator[tuple[str, str]]:
    """Plugins that the configuration's options need and no source declares."""
    for option in observation.pytest["addopts"]:
        plugin = _plugin_for_option(option)
        if plugin and plugin not in observation.declared_names:
            yield plugin, f"addopts has {option}"
    for line in observation.pytest["required_plugins"]:
        name = canonicalize_name(re.split(r"[<>=!~;\s]", line)[0])
        if name and name not in observation.declared_names:
            yield name, "required_plugins"


def _plugin_for_option(option: str) -> str:
    if re.fullmatch(r"-n(?:\d+|auto|logical)?", option):
        return XDIST
    long = (name for name in _load_ci_facts()["plugins"] if re.match(rf"{name}(?:[-=]|$)", option))
    return str(_load_ci_facts()["plugins"].get(next(long, ""), ""))


def _pick_system_packages(observation: Observation) -> Iterator[tuple[str, str]]:
    """Debian packages of most of the jobs of CI; jobs of tox and its like name none."""
    jobs = [job for job in observation.jobs if job.origin.startswith(".") or "azure" in job.origin]
    counts = Counter(name for job in jobs for name in job.findings.system)
    for job in jobs:
        for name in job.findings.system:
            unwanted = name in BASE_PACKAGES or _is_listed("own_system", name)
            if not unwanted and counts[name] > len(jobs) / 2:
                yield name, job.origin


def _collect_variables(observations: Sequence[Observation]) -> dict[str, DraftValue]:
    """Plain variables that every job sets that calls tests itself, with their newest value."""
    newest: dict[str, str] = {}

    def pick(observation: Observation) -> Iterator[tuple[str, str]]:
        jobs = [job for job in observation.jobs if job.findings.runners]
        plain = [_plain_variables(job.findings.variables) for job in jobs]
        for name in plain[0] if plain else ():
            if all(name in each for each in plain):
                newest[name] = plain[0][name]
                yield name, jobs[0].origin

    found = _collect_facts(observations, pick, MIN_SHARE)
    return {name: DraftValue(value=newest[name], reason=it.reason) for name, it in found.items()}


def _plain_variables(variables: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in variables.items()
        if value and not re.search(r"[${}%\n]", value) and not _is_listed("ci_variables", name)
    }


def _choose_test_command(observations: Sequence[Observation]) -> DraftValue:
    """pytest, which runs unittest's tests and most of nose's, too; in one process."""
    parallel = [it for it in observations if XDIST in map(_plugin_for_option, it.pytest["addopts"])]
    if parallel:
        return DraftValue(value="pytest -n0 {tests}", reason="addopts runs tests in many processes")
    return DraftValue(value="pytest {tests}", reason="")


def _pick_test_paths(observation: Observation) -> Iterator[tuple[str, str]]:
    """Folders that pytest is told of and the general rules do not take for tests."""
    for path in observation.pytest["testpaths"]:
        folder = path.strip("./")
        no_tests = folder in observation.packages or folder.startswith(_WITH_DOCTESTS)
        known = no_tests or folder.endswith(".py") or FileClassifier().is_test(f"{folder}/x.py")
        if folder and not known:
            yield f"{folder}/**", "testpaths"


def _find_import_name(observations: Sequence[Observation]) -> DraftValue | None:
    """The package that there is at every commit: the one named like the project, or the only."""
    common = frozenset.intersection(*(it.packages for it in observations))
    name = canonicalize_name(observations[-1].project.name or "-").replace("-", "_")
    alike = sorted(it for it in common if it.lower().strip("_") == name)
    packages = alike or sorted(common - {"setup", "conftest", "noxfile", "runtests", "versioneer"})
    if len(packages) != 1:
        return None
    return DraftValue(value=packages[0], reason="")


def _find_version_file(observations: Sequence[Observation]) -> DraftValue | None:
    """A file that states the version, where tags do not lie behind the commits."""
    common = set.intersection(*(set(it.declared_versions) for it in observations))
    if not common:
        return None
    file = min(common, key=lambda path: (len(path), path))
    without = sum(not it.version for it in observations)
    if without:
        reason = f"{without} of {len(observations)} commits have no tag behind them"
        return DraftValue(value=file, reason=reason)
    for version in {it.version for it in observations}:
        declared = {it.declared_versions[file] for it in observations if it.version == version}
        if len(declared) >= STALE_YEARS:
            reason = f"tag {version} is the nearest of commits of {len(declared)} versions"
            return DraftValue(value=file, reason=reason)
    return None


def _find_warnings(observations: Sequence[Observation]) -> Iterator[str]:
    last = observations[-1]
    called = list_runners(observations)
    if called and "pytest" not in called:
        yield f"Tests are called by {', '.join(sorted(called))}; pytest is tried for them."
    if not called:
        yield "No CI configuration was found that calls tests."
    if last.compiled_by:
        yield f"{last.compiled_by} compiles something: system packages and `install` may be needed."
    if last.submodules:
        yield "There are git submodules: if tests need them, name them in [submodules]."
    if not any(it.version for it in observations):
        yield "No commit has a tag behind it: state a [version] rule if ranges are needed."
    nameless = [it for it in observations if not it.project.name]
    if nameless:
        yield f"{len(nameless)} of {len(observations)} commits have no metadata that can be read."
