"""The facts of a recipe that one commit states, each with its origin."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from curate.builders.images.dockerfiles import BASE_PACKAGES
from curate.builders.requirements.checkout_projects import ROOT
from curate.builders.requirements.dev_tools import is_development_tool
from curate.builders.requirements.requirement_line import (
    InvalidRequirementLineError,
    parse_requirement,
)
from curate.builders.requirements.setup_py import MINOR_VERSIONS
from curate.recipe_tools.draft.job import CIJob
from curate.recipe_tools.draft.observe import Observation
from curate.recipe_tools.draft.shell_commands import AS_MODULE

XDIST = "pytest-xdist"
NO_PROCESSES = "-n0"  # pytest-xdist's option for one process
SOURCES = ("files", "extras", "groups")
# Kinds of facts, and for how they are combined: `curate.recipe_tools.draft.version_ranges`.
KINDS = ("projects", "install", *SOURCES, "plugins", "add", "system_packages", "env_vars")
MORE_KINDS = ("ci_env_vars", "options", "rebuilt")
MIN_SYSTEM_SHARE = 1 / 3  # of the CI jobs with tests that install a Debian package
_DJANGO = "DJANGO_SETTINGS_MODULE"

Fact = tuple[str, str]
"""Kind and value; a variable is `NAME=value`."""


def pick_facts(observation: Observation) -> dict[Fact, str]:
    """Return the facts that hold at one commit, with the file that says so."""
    found: dict[Fact, str] = {}
    for kind, pick in (
        ("projects", _pick_projects),
        ("install", _pick_install),
        *((kind, _source_picker(kind)) for kind in SOURCES),
        ("plugins", _pick_plugins),
        ("add", _pick_named_packages),
        ("add", _pick_builders),
        ("rebuilt", _pick_rebuilt),
        ("system_packages", pick_system_packages),
        ("env_vars", _pick_variables),
        ("ci_env_vars", _pick_ci_variables),
        ("options", _pick_options),
    ):
        for value, origin in pick(observation):
            found.setdefault((kind, value), origin)
    return found


def is_harmless(observation: Observation, fact: Fact) -> bool:
    """Whether it makes no difference for the commit if a recipe states *fact* as well."""
    kind, value = fact
    if kind == "files":
        return not any(fnmatchcase(path, value) for path in observation.known["files"])
    if kind in SOURCES:
        return value not in observation.known[kind]
    if kind == "projects":
        return value not in observation.folders or value == ROOT
    if fact == ("options", AS_MODULE):
        return True
    return kind in ("add", "plugins") and value.split(" ")[0] in observation.declared_names


def has_several_projects(observation: Observation) -> bool:
    """Whether the commit has several projects, and none of them in the root."""
    return ROOT not in observation.folders and len(observation.folders) > 1


def _pick_projects(observation: Observation) -> Iterator[Fact]:
    """Yield the folders that are installed, but of many only what every candidate needs.

    Without a project in the root, the tests of a candidate decide which it needs.
    """
    if has_several_projects(observation):
        return
    if observation.projects not in ((), (ROOT,)):
        yield from ((folder, "installed by CI") for folder in observation.projects)


def _pick_install(observation: Observation) -> Iterator[Fact]:
    if not observation.projects:
        yield "true", "nothing to install: no setup.py or pyproject.toml"


def _pick_builders(observation: Observation) -> Iterator[Fact]:
    """Yield what extensions are built with, which old projects require in no file."""
    yield from (
        (it, "builds extensions again after a patch") for it in observation.rebuilt.values()
    )


def _pick_rebuilt(observation: Observation) -> Iterator[Fact]:
    """Yield "builder folder" of projects whose extensions are built again after a patch."""
    for folder, builder in observation.rebuilt.items():
        yield f"{builder} {folder}", f"its build requires {builder}"


def _source_picker(kind: str) -> Any:
    return lambda observation: observation.sources[kind].items()


@cache
def _load_ci_facts() -> dict[str, Any]:
    text = files("curate.recipe_tools.draft").joinpath("ci_facts.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _is_listed(table: str, name: str) -> bool:
    """Whether a pattern of *table* matches the whole *name*."""
    return any(re.fullmatch(pattern, name) for pattern in _load_ci_facts()[table])


def _direct_jobs(observation: Observation) -> list[CIJob]:
    """Return the jobs that run tests themselves, not through another tool."""
    return [job for job in observation.jobs if job.findings.runners]


def _pick_named_packages(observation: Observation) -> Iterator[Fact]:
    """Yield packages that most test jobs install by name and no source declares, without pins.

    Packages that a recipe adds are never dropped from a lock, so those installed by only some jobs
    are left out.
    """
    jobs = _direct_jobs(observation)
    own = canonicalize_name(observation.project.name or "-")
    counts: Counter[str] = Counter()
    origins: dict[str, str] = {}
    markers: dict[str, set[str]] = {}
    for job in jobs:
        names = _read_requirements(job.findings.packages)
        counts.update(name for name in names if name != own)
        for name, marker in names.items():
            origins.setdefault(name, job.origin)
            markers.setdefault(name, set()).add(marker)
    for name, count in counts.items():
        if count > len(jobs) / 2 and name not in observation.declared_names:
            only = markers[name].pop() if len(markers[name]) == 1 else ""
            yield (f"{name} ; {only}" if only else name), origins[name]


def _read_requirements(lines: Iterable[str]) -> dict[str, str]:
    """Return name -> marker of requirement lines, without development tools and CI tools."""
    found: dict[str, str] = {}
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
            found[name] = "" if name in found else str(parsed.marker or "")
    return found


def _may_need_python_3(parsed: Requirement) -> bool:
    versions = (
        {"python_version": f"3.{it}", "python_full_version": f"3.{it}.1"} for it in MINOR_VERSIONS
    )
    return parsed.marker is None or any(map(parsed.marker.evaluate, versions))


def _pick_plugins(observation: Observation) -> Iterator[Fact]:
    """Yield pytest plugins that the configured options need and no source declares."""
    for option in observation.pytest["addopts"]:
        plugin = plugin_for_option(option)
        if plugin and plugin not in observation.declared_names:
            yield plugin, f"addopts has {option}"
    for line in observation.pytest["required_plugins"]:
        name = canonicalize_name(re.split(r"[<>=!~;\s]", line)[0])
        if name and name not in observation.declared_names:
            yield name, "required_plugins"
    if _needs_django_settings(observation) and "pytest-django" not in observation.declared_names:
        yield "pytest-django", "manage.py"


def plugin_for_option(option: str) -> str:
    """Return the plugin that brings an option of pytest; "" for pytest's own."""
    if re.fullmatch(r"-n(?:\d+|auto|logical)?", option):
        return XDIST
    plugins = _load_ci_facts()["plugins"]
    prefixes = (prefix for prefix in plugins if re.match(rf"{prefix}(?:[-=]|$)", option))
    return str(plugins.get(next(prefixes, ""), ""))


def pick_system_packages(observation: Observation) -> Iterator[Fact]:
    """Yield Debian packages that the build needs, or that many CI jobs install.

    Jobs of tox, nox and make install none.
    """
    yield from observation.build_tools.items()
    for name, (debian, share, origin) in count_system_packages(observation).items():
        unwanted = is_own_package(name) or is_large(debian)
        if debian and not unwanted and share >= MIN_SYSTEM_SHARE:
            yield debian, origin


def is_own_package(name: str) -> bool:
    """Whether a Debian package is in every image, or is a tool of the CI job itself."""
    return name in BASE_PACKAGES or _is_listed("own_system", name)


def is_large(name: str) -> bool:
    """Whether a Debian package brings hundreds of MB that few tests need."""
    return _is_listed("large_system", name)


def count_system_packages(observation: Observation) -> dict[str, tuple[str, float, str]]:
    """Return name in CI -> (name in Debian 12 or "", share of the test jobs, origin)."""
    jobs = [job for job in observation.jobs if _is_ci(job)]
    counts = Counter(name for job in jobs for name in job.findings.system)
    origins = {name: job.origin for job in reversed(jobs) for name in job.findings.system}
    return {
        name: (_name_in_debian(name), count / len(jobs), origins[name])
        for name, count in counts.items()
    }


def _name_in_debian(name: str) -> str:
    """Return the name of a package in Debian 12; "" if it has none, or none that is known."""
    facts = _load_ci_facts()
    for pattern, other in facts["debian_names"].items():
        if re.fullmatch(pattern, name):
            return str(other)
    is_known = not re.search(r"\d", name) or name in facts["debian_numbered"]
    return name if is_known or is_own_package(name) else ""


def _is_ci(job: CIJob) -> bool:
    return job.origin.startswith(".") or "azure" in job.origin or "appveyor" in job.origin


def _pick_variables(observation: Observation) -> Iterator[Fact]:
    """Yield the literal variables that all environments of tox, nox and make set."""
    jobs = [job for job in _direct_jobs(observation) if not _is_ci(job)]
    yield from _common_variables(jobs)
    if _needs_django_settings(observation):
        yield f"{_DJANGO}={observation.django_settings}", "manage.py"


def _pick_ci_variables(observation: Observation) -> Iterator[Fact]:
    """Yield the literal variables that all jobs of CI services set."""
    yield from _common_variables([job for job in _direct_jobs(observation) if _is_ci(job)])


def _common_variables(jobs: Sequence[CIJob]) -> Iterator[Fact]:
    plain = [_plain_variables(job.findings.variables) for job in jobs]
    for name, value in plain[0].items() if plain else ():
        if all(name in each for each in plain):
            yield f"{name}={value}", jobs[0].origin


def _plain_variables(variables: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in variables.items()
        if value and not re.search(r"[${}%\n]", value) and not _is_listed("ci_variables", name)
    }


def _needs_django_settings(observation: Observation) -> bool:
    """Whether the tests run through a script of Django, and pytest is told no settings."""
    runners = {kind for job in observation.jobs for kind in job.findings.runners}
    is_told = bool(observation.pytest.get(_DJANGO)) or "pytest" in runners
    return bool(observation.django_settings) and "other" in runners and not is_told


def _pick_options(observation: Observation) -> Iterator[Fact]:
    """Yield options of pytest that tests depend on; options of plugins only as far as needed."""
    if XDIST in map(plugin_for_option, observation.pytest["addopts"]):
        yield NO_PROCESSES, "addopts runs tests in parallel"
    if not observation.projects:
        yield AS_MODULE, "imports come from the checkout"
    jobs = [job for job in _direct_jobs(observation) if "pytest" in job.findings.runners]
    counts = Counter(option for job in jobs for option in job.findings.options)
    for option, count in counts.items():
        if count > len(jobs) / 2:
            yield option, next(job.origin for job in jobs if option in job.findings.options)
