"""Propose the values of a recipe, each with its reason, from observations at several commits."""

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

from curate.builders.images.dockerfiles import BASE_PACKAGES
from curate.builders.requirements.dev_tools import is_development_tool
from curate.builders.requirements.requirement_line import (
    InvalidRequirementLineError,
    parse_requirement,
)
from curate.patches.file_kinds import FileClassifier
from curate.recipe_tools.draft.observe import Observation, list_runners

XDIST = "pytest-xdist"
MIN_SHARE = 1 / 3  # of the commits at which a package or variable must be found
STALE_VERSIONS = 3  # so many file versions with the same nearest tag: tags are on other branches

_WITH_DOCTESTS = ("doc", "src", "README")  # paths that contain doctests but are not test files


@cache
def _load_ci_facts() -> dict[str, Any]:
    text = files("curate.recipe_tools.draft").joinpath("ci_facts.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _is_listed(table: str, name: str) -> bool:
    """Whether a pattern of *table* matches the whole *name*."""
    return any(re.fullmatch(pattern, name) for pattern in _load_ci_facts()[table])


@dataclass(frozen=True, kw_only=True)
class DraftValue:
    """A value of a recipe and its origin."""

    value: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class RecipeDraft:
    """The values of a drafted recipe, and warnings for its author."""

    repo: str
    import_name: DraftValue | None
    version_file: DraftValue | None  # None: use the nearest tag
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
"""Returns the values at one commit, each with its origin."""


def draft_recipe(repo: str, observations: Sequence[Observation]) -> RecipeDraft:
    """Draft a recipe for *repo* from *observations* (oldest first, at least one)."""
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
    """Collect the values that *pick* finds in at least *share* of *observations*."""
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
    """Collect requirement files, without those matched by a glob among them."""
    found = _collect_facts(observations, _pick_source("files"))
    globs = [name for name in found if "*" in name]
    for name, fact in found.items():
        if not any(name != glob and fnmatchcase(name, glob) for glob in globs):
            yield fact


def _pick_named_packages(observation: Observation) -> Iterator[tuple[str, str]]:
    """Yield packages that most test jobs install by name and no source declares, without pins.

    Packages that a recipe adds are never dropped from a lock, so those installed by only some jobs
    are left out.
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
    """Yield the names of requirement lines, without development tools and CI tools."""
    for line in lines:
        try:
            parsed = parse_requirement(line)
        except InvalidRequirementLineError:
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
    """Yield pytest plugins that the configured options need and no source declares."""
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
    plugins = _load_ci_facts()["plugins"]
    prefixes = (prefix for prefix in plugins if re.match(rf"{prefix}(?:[-=]|$)", option))
    return str(plugins.get(next(prefixes, ""), ""))


def _pick_system_packages(observation: Observation) -> Iterator[tuple[str, str]]:
    """Yield Debian packages that most CI jobs install; jobs of tox, nox and make install none."""
    jobs = [job for job in observation.jobs if job.origin.startswith(".") or "azure" in job.origin]
    counts = Counter(name for job in jobs for name in job.findings.system)
    for job in jobs:
        for name in job.findings.system:
            unwanted = name in BASE_PACKAGES or _is_listed("own_system", name)
            if not unwanted and counts[name] > len(jobs) / 2:
                yield name, job.origin


def _collect_variables(observations: Sequence[Observation]) -> dict[str, DraftValue]:
    """Collect literal variables that all jobs with tests set, with their newest value."""
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
    """Choose pytest, which also runs unittest's and most of nose's tests; in one process."""
    parallel = [it for it in observations if XDIST in map(_plugin_for_option, it.pytest["addopts"])]
    if parallel:
        return DraftValue(value="pytest -n0 {tests}", reason="addopts runs tests in parallel")
    return DraftValue(value="pytest {tests}", reason="")


def _pick_test_paths(observation: Observation) -> Iterator[tuple[str, str]]:
    """Yield directories in `testpaths` that are not tests by the default classification."""
    for path in observation.pytest["testpaths"]:
        folder = path.strip("./")
        no_tests = folder in observation.packages or folder.startswith(_WITH_DOCTESTS)
        known = no_tests or folder.endswith(".py") or FileClassifier().is_test(f"{folder}/x.py")
        if folder and not known:
            yield f"{folder}/**", "testpaths"


def _find_import_name(observations: Sequence[Observation]) -> DraftValue | None:
    """Find the package present at all commits: the one named like the project, or the only one."""
    common = frozenset.intersection(*(it.packages for it in observations))
    name = canonicalize_name(observations[-1].project.name or "-").replace("-", "_")
    alike = sorted(it for it in common if it.lower().strip("_") == name)
    packages = alike or sorted(common - {"setup", "conftest", "noxfile", "runtests", "versioneer"})
    if len(packages) != 1:
        return None
    return DraftValue(value=packages[0], reason="")


def _find_version_file(observations: Sequence[Observation]) -> DraftValue | None:
    """Find a file with the version, for projects whose tags are not ancestors of their commits."""
    common = set.intersection(*(set(it.declared_versions) for it in observations))
    if not common:
        return None
    file = min(common, key=lambda path: (len(path), path))
    without = sum(not it.version for it in observations)
    if without:
        reason = f"{without} of {len(observations)} commits have no tag among their ancestors"
        return DraftValue(value=file, reason=reason)
    for version in {it.version for it in observations}:
        declared = {it.declared_versions[file] for it in observations if it.version == version}
        if len(declared) >= STALE_VERSIONS:
            reason = f"tag {version} is the nearest one for {len(declared)} versions of this file"
            return DraftValue(value=file, reason=reason)
    return None


def _find_warnings(observations: Sequence[Observation]) -> Iterator[str]:
    last = observations[-1]
    called = list_runners(observations)
    if called and "pytest" not in called:
        yield f"CI runs the tests with {', '.join(sorted(called))}; this recipe uses pytest."
    if not called:
        yield "No CI configuration that runs tests was found."
    if last.compiled_by:
        yield f"{last.compiled_by} compiles code: system_packages and install may be needed."
    if last.submodules:
        yield "Its git submodules are cloned; leave out in [submodules] what tests do not need."
    if not any(it.version for it in observations):
        yield "No commit has a tag among its ancestors: add a [version] rule if ranges are needed."
    without_name = sum(not it.project.name for it in observations)
    if without_name:
        yield f"{without_name} of {len(observations)} commits have no readable project metadata."
