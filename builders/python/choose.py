"""Choose the Python version of a commit's environment from its metadata and date."""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from curate.builders.model import Failure
from curate.builders.requirements import Manifest

# First final release of each minor version; source: the release schedule PEPs
# 494, 537, 569, 596, 619, 664, 693, 719, 745.
RELEASES = {
    "3.6": date(2016, 12, 23),
    "3.7": date(2018, 6, 27),
    "3.8": date(2019, 10, 14),
    "3.9": date(2020, 10, 5),
    "3.10": date(2021, 10, 4),
    "3.11": date(2022, 10, 24),
    "3.12": date(2023, 10, 2),
    "3.13": date(2024, 10, 7),
    "3.14": date(2025, 10, 7),
}
_OLDER_THAN_ALL = {f"3.{minor}" for minor in range(6)}  # of which there are no interpreters
_END_OF_PYTHON_2 = date(2020, 1, 1)
STABLE_AFTER_DAYS = 365  # a year after its release, most packages have wheels for a version

_NOT_DOWNLOADABLE = {"3.6", "3.7"}  # uv does not provide builds of these

_LEGACY_STAR = re.compile(r"([<>]=?|~=)(\s*[0-9.]+?)\.?\*")  # accepted before PEP 440 was enforced
_CLASSIFIER = re.compile(r"Programming Language :: Python :: (3\.\d+)$")
_PYTHON_3 = re.compile(r"Programming Language :: Python :: 3\b")
_PYTHON_2 = re.compile(r"Programming Language :: Python :: 2\b")


@dataclass(frozen=True, kw_only=True)
class PythonChoice:
    """The chosen version, e.g. "3.8", and the reason in one sentence."""

    python: str
    reason: str


def choose_python(
    manifest: Manifest, *, as_of: datetime, available: Iterable[str]
) -> PythonChoice | Failure:
    """Return the newest version that the project supports and that was stable at *as_of*.

    A version is stable from twelve months after its first final release. If none of the supported
    ones was stable, the oldest one released by *as_of* is chosen. Versions in classifiers and
    allowed by requires-python are considered first; if that yields nothing, all that
    requires-python allows. If the project is older than every available version, the oldest
    available one is chosen, unless requires-python excludes it.

    Args:
        manifest: Has the classifiers and requires-python.
        as_of: Date of the environment.
        available: Versions to choose from, as "3.X".

    Returns:
        A Failure of stage "lock" and reason "no-compatible-python" if no version qualifies, or
        "needs-python-2" if the project supports no Python 3.
    """
    available_set = set(available)
    allowed = [name for name in RELEASES if _allows_version(manifest.requires_python, name)]
    if needs_python_2(manifest, as_of):
        return _fail("needs-python-2", f"needs Python 2: {_name_python_2_evidence(manifest)}")
    offered = [name for name in allowed if name in available_set]
    if not offered:
        return _fail("no-compatible-python", _explain_mismatch(manifest, allowed, available_set))
    named = _classifier_versions(manifest.classifiers)
    newest = max(named, key=_version_tuple, default="")
    if newest in _OLDER_THAN_ALL:
        reason = f"oldest available Python: classifiers end at {newest}, without an upper bound"
        return PythonChoice(python=offered[0], reason=reason)
    declared = [name for name in allowed if name in named]
    requires_python = manifest.requires_python
    source = f"from requires-python {requires_python}" if requires_python else "any version"
    return (
        _choose_released(declared, "from classifiers", as_of, available_set)
        or _choose_released(allowed, source, as_of, available_set)
        or PythonChoice(
            python=offered[0],
            reason=f"oldest available Python: none of them was released by {as_of:%Y-%m-%d}",
        )
    )


def needs_python_2(manifest: Manifest, as_of: datetime) -> bool:
    """Whether the project declares that it supports Python 2 and no Python 3.

    After the end of Python 2, classifiers that name only that one are forgotten ones.
    """
    requires = manifest.requires_python
    if requires:
        allows_3 = any(_allows_version(requires, f"3.{minor}") for minor in range(30))
        return not allows_3 and _allows_version(requires, "2.7")
    names = [classifier.strip() for classifier in manifest.classifiers]
    named_2, named_3 = (any(map(it.match, names)) for it in (_PYTHON_2, _PYTHON_3))
    return named_2 and not named_3 and as_of.date() < _END_OF_PYTHON_2


def _name_python_2_evidence(manifest: Manifest) -> str:
    if manifest.requires_python:
        return f"requires-python is {manifest.requires_python}"
    return "its classifiers name no Python 3"


def _choose_released(
    names: list[str], source: str, as_of: datetime, available: set[str]
) -> PythonChoice | None:
    """Choose the newest of *names* that was stable at *as_of*, or else the oldest released one."""
    usable = [name for name in names if name in available]
    stable = [name for name in usable if _age_in_days(name, as_of) >= STABLE_AFTER_DAYS]
    if stable:
        missing = _newer_versions(names, stable[-1], as_of)
        return _make_choice(
            stable[-1], f"newest stable Python at {as_of:%Y-%m-%d} ({source})", missing
        )
    released = [name for name in usable if _age_in_days(name, as_of) >= 0]
    if released:
        reason = f"oldest Python released by {as_of:%Y-%m-%d} ({source})"
        return _make_choice(released[0], reason, ())
    return None


def _fail(reason: str, detail: str) -> Failure:
    return Failure(stage="lock", reason=reason, detail=detail)


def _explain_mismatch(manifest: Manifest, allowed: list[str], available: set[str]) -> str:
    """Return why none of the *available* versions is *allowed* by requires-python."""
    wanted = f"requires-python is {manifest.requires_python}" if manifest.requires_python else ""
    if wanted and allowed:
        wanted += f", which allows {', '.join(allowed)}"
    offered = ", ".join(sorted(available, key=_version_tuple)) or "none"
    return "; ".join(filter(None, (wanted, f"available: {offered}")))


def list_supported_pythons(
    manifest: Manifest, *, named: Iterable[str], as_of: datetime, available: Iterable[str]
) -> tuple[str, ...]:
    """Return, ascending, the versions that classifiers or *named* list and requires-python allows.

    Only those that were released by *as_of* and are *available*.
    """
    declared = _classifier_versions(manifest.classifiers) | set(named)
    usable = declared & set(available)
    return tuple(
        name
        for name in RELEASES
        if name in usable
        and _allows_version(manifest.requires_python, name)
        and _age_in_days(name, as_of) >= 0
    )


def find_interpreter(folder: Path | None, python: str) -> Path | None:
    """Return the newest interpreter of *python* ("3.8") among the prefixes in *folder*, if any."""
    if folder is None:
        return None
    programs = folder.glob(f"{python}.*/bin/python{python}")
    return max(programs, key=lambda path: _version_tuple(path.parents[1].name), default=None)


def available_pythons(folder: Path | None) -> tuple[str, ...]:
    """Return the versions ("3.X") in a *folder* of prefixes, or those that uv can download."""
    if folder is None:
        return tuple(name for name in RELEASES if name not in _NOT_DOWNLOADABLE)
    return tuple(name for name in RELEASES if find_interpreter(folder, name))


def _version_tuple(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", name))


def _make_choice(python: str, reason: str, missing: Iterable[str]) -> PythonChoice:
    unavailable = ", ".join(missing)
    return PythonChoice(
        python=python, reason=f"{reason}; not available: {unavailable}" if unavailable else reason
    )


def _newer_versions(names: list[str], chosen: str, when: datetime) -> list[str]:
    """Return newer stable versions that would have been chosen if they were available."""
    later = names[names.index(chosen) + 1 :]
    return [name for name in later if _age_in_days(name, when) >= STABLE_AFTER_DAYS]


def _age_in_days(name: str, when: datetime) -> int:
    return (when.date() - RELEASES[name]).days


def _classifier_versions(classifiers: Iterable[str]) -> set[str]:
    matches = (_CLASSIFIER.match(classifier.strip()) for classifier in classifiers)
    return {match.group(1) for match in matches if match}


def _allows_version(requires_python: str, name: str) -> bool:
    """Whether a patch release of *name* satisfies *requires_python*.

    A clause that is not valid under PEP 440 does not count, but `>=3.6.*` means `>=3.6`.
    """
    specifiers = SpecifierSet()
    for clause in requires_python.split(","):
        with suppress(InvalidSpecifier):
            specifiers &= SpecifierSet(_LEGACY_STAR.sub(r"\1\2", clause.strip()))
    return any(specifiers.contains(f"{name}.{patch}") for patch in range(30))
