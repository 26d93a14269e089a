"""Which Python a commit's environment gets: a rule of metadata and date, without any guessing."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from builders.model import Failure
from builders.requirements import Manifest

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
STABLE_AFTER_DAYS = 365  # by then the packages of its time have wheels for an interpreter

_NOT_DOWNLOADABLE = {"3.6", "3.7"}  # uv has no builds of these

_CLASSIFIER = re.compile(r"Programming Language :: Python :: (3\.\d+)$")


@dataclass(frozen=True, kw_only=True)
class PythonChoice:
    """The chosen interpreter, e.g. "3.8", and the sentence that justifies it."""

    python: str
    reason: str


def choose_python(
    manifest: Manifest, *, as_of: datetime, available: Iterable[str]
) -> PythonChoice | Failure:
    """Return the newest interpreter that the project names and that was settled at *as_of*.

    The candidates are the classifiers' versions that requires-python allows; without classifiers,
    all that requires-python allows. Settled means released twelve months before *as_of*. Where
    none is settled, the oldest candidate that existed by then serves; where the classifiers leave
    nothing, requires-python alone decides. *available* holds "3.X" names.
    """
    available_set = set(available)
    allowed = [name for name in RELEASES if _allows_version(manifest.requires_python, name)]
    declared = [name for name in allowed if name in _classifier_versions(manifest.classifiers)]
    sources = [
        (declared, "classifiers"),
        (allowed, manifest.requires_python or "no requires-python"),
    ]
    for names, source in sources:
        ready = [name for name in names if name in available_set]
        settled = [name for name in ready if _age_in_days(name, as_of) >= STABLE_AFTER_DAYS]
        if settled:
            missing = _newer_versions(names, settled[-1], as_of)
            return _make_choice(
                settled[-1], f"newest settled at {as_of:%Y-%m-%d} by {source}", missing
            )
        existing = [name for name in ready if _age_in_days(name, as_of) >= 0]
        if existing:
            return _make_choice(existing[0], f"oldest released by {as_of:%Y-%m-%d} by {source}", ())
    accepted = ", ".join(declared or allowed) or "nothing known"
    detail = (
        f"the project wants {accepted}; available: {', '.join(sorted(available_set)) or 'none'}"
    )
    return Failure(stage="lock", reason="no-compatible-python", detail=detail)


def find_interpreter(folder: Path | None, python: str) -> Path | None:
    """Return the newest patch release of *python* among the prefixes in *folder*, if any."""
    if folder is None:
        return None
    programs = folder.glob(f"{python}.*/bin/python{python}")
    return max(programs, key=lambda path: _version_tuple(path.parents[1].name), default=None)


def available_pythons(folder: Path | None) -> tuple[str, ...]:
    """Return the "3.X" that *folder* of prefixes offers; without one, those that uv can fetch."""
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
    """Settled versions that would have won, had they been available."""
    later = names[names.index(chosen) + 1 :]
    return [name for name in later if _age_in_days(name, when) >= STABLE_AFTER_DAYS]


def _age_in_days(name: str, when: datetime) -> int:
    return (when.date() - RELEASES[name]).days


def _classifier_versions(classifiers: Iterable[str]) -> set[str]:
    matches = (_CLASSIFIER.match(classifier.strip()) for classifier in classifiers)
    return {match.group(1) for match in matches if match}


def _allows_version(requires_python: str, name: str) -> bool:
    """Whether some patch release of *name* satisfies *requires_python* (unreadable: yes)."""
    try:
        specifiers = SpecifierSet(requires_python)
    except InvalidSpecifier:
        return True
    return any(specifiers.contains(f"{name}.{patch}") for patch in range(30))
