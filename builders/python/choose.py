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
SETTLED_DAYS = 365  # by then the packages of its time have wheels for an interpreter

_NOT_FETCHED = {"3.6", "3.7"}  # uv has no builds of these

_CLASSIFIER = re.compile(r"Programming Language :: Python :: (3\.\d+)$")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The chosen interpreter, e.g. "3.8", and the sentence that justifies it."""

    python: str
    reason: str


def choose_python(
    manifest: Manifest, *, when: datetime, available: Iterable[str]
) -> Choice | Failure:
    """Return the newest interpreter that the project names and that was settled at *when*.

    The candidates are the classifiers' versions that requires-python allows; without classifiers,
    all that requires-python allows. Settled means released twelve months before *when*. Where
    none is settled, the oldest candidate that existed by then serves; where the classifiers leave
    nothing, requires-python alone decides. *available* holds "3.X" names.
    """
    offered = set(available)
    allowed = [name for name in RELEASES if _allows(manifest.requires_python, name)]
    named = [name for name in allowed if name in _classified(manifest.classifiers)]
    sources = [(named, "classifiers"), (allowed, manifest.requires_python or "no requires-python")]
    for names, source in sources:
        ready = [name for name in names if name in offered]
        settled = [name for name in ready if _age(name, when) >= SETTLED_DAYS]
        if settled:
            missing = _newer(names, settled[-1], when)
            return _choice(settled[-1], f"newest settled at {when:%Y-%m-%d} by {source}", missing)
        existing = [name for name in ready if _age(name, when) >= 0]
        if existing:
            return _choice(existing[0], f"oldest released by {when:%Y-%m-%d} by {source}", ())
    wanted = ", ".join(named or allowed) or "nothing known"
    detail = f"the project wants {wanted}; available: {', '.join(sorted(offered)) or 'none'}"
    return Failure(stage="lock", reason="no-python", detail=detail)


def find_interpreter(folder: Path | None, python: str) -> Path | None:
    """Return the newest patch release of *python* among the prefixes in *folder*, if any."""
    if folder is None:
        return None
    programs = folder.glob(f"{python}.*/bin/python{python}")
    return max(programs, key=lambda path: _patch(path.parents[1].name), default=None)


def available_pythons(folder: Path | None) -> tuple[str, ...]:
    """Return the "3.X" that *folder* of prefixes offers; without one, those that uv can fetch."""
    if folder is None:
        return tuple(name for name in RELEASES if name not in _NOT_FETCHED)
    return tuple(name for name in RELEASES if find_interpreter(folder, name))


def _patch(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", name))


def _choice(python: str, reason: str, missing: Iterable[str]) -> Choice:
    gone = ", ".join(missing)
    return Choice(python=python, reason=f"{reason}; not available: {gone}" if gone else reason)


def _newer(names: list[str], chosen: str, when: datetime) -> list[str]:
    """Settled versions that would have won, had they been available."""
    later = names[names.index(chosen) + 1 :]
    return [name for name in later if _age(name, when) >= SETTLED_DAYS]


def _age(name: str, when: datetime) -> int:
    return (when.date() - RELEASES[name]).days


def _classified(classifiers: Iterable[str]) -> set[str]:
    matches = (_CLASSIFIER.match(classifier.strip()) for classifier in classifiers)
    return {match.group(1) for match in matches if match}


def _allows(requires_python: str, name: str) -> bool:
    """Whether some patch release of *name* satisfies *requires_python* (unreadable: yes)."""
    try:
        specifiers = SpecifierSet(requires_python)
    except InvalidSpecifier:
        return True
    return any(specifiers.contains(f"{name}.{patch}") for patch in range(30))
