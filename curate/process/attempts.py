"""Attempts of models, read from JSON lines or from a run of SWE-GPT's program."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.core.errors import ConfigurationError, NotFoundError
from curate.core.files import require_ordinary_file
from curate.process.location_rate import TaggedLocations, tag_bug_locations
from curate.process.swe_gpt_runs import find_run_folders, read_run

_BROKEN = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True, kw_only=True)
class RawAttempt:
    """An attempt as it was found; without *locations*, those of its patch count."""

    instance_id: str
    name: str
    locations: tuple[TaggedLocations, ...] | None
    patch: bytes
    is_resolved: bool | None


@dataclass(frozen=True, kw_only=True)
class InvalidAttempt:
    """A line or folder that is no attempt."""

    place: str
    problem: str


def iter_attempts(path: Path) -> Iterator[RawAttempt | InvalidAttempt]:
    """Yield the attempts of a file of JSON lines, or of a directory of SWE-GPT's runs.

    Raises NotFoundError if there is neither, ConfigurationError if a directory has no run.
    """
    if path.is_dir():
        yield from _iter_runs(path)
        return
    if not path.exists():
        raise NotFoundError(f"No attempts in {path}.", hint="Pass JSON lines, or a directory.")
    require_ordinary_file(path)
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _read_line(line, f"line {number}")


def _iter_runs(path: Path) -> Iterator[RawAttempt | InvalidAttempt]:
    folders = find_run_folders(path)
    if not folders:
        raise ConfigurationError(
            f"{path} has no run of SWE-GPT's program.",
            hint="Pass the directory with one folder for each instance, with meta.json in it.",
        )
    for folder in folders:
        try:
            run = read_run(folder)
        except _BROKEN as error:
            yield InvalidAttempt(place=folder.name, problem=_describe(error))
            continue
        yield RawAttempt(
            instance_id=run.instance_id,
            name=folder.name,
            locations=run.final_locations or run.review_locations,
            patch=run.patch,
            is_resolved=None,
        )


def _read_line(line: bytes, place: str) -> RawAttempt | InvalidAttempt:
    try:
        return _make_attempt(json.loads(line), place)
    except _BROKEN as error:
        return InvalidAttempt(place=place, problem=_describe(error))


def _make_attempt(row: Any, place: str) -> RawAttempt:
    if not isinstance(row, dict):
        raise TypeError("no JSON object")
    named = row.get("bug_locations")
    resolved = row.get("resolved")
    if not isinstance(row["instance_id"], str) or not isinstance(resolved, bool | None):
        raise TypeError("instance_id is no text, or resolved neither true nor false")
    if named is not None and not isinstance(named, list):
        raise TypeError("bug_locations is no list")
    return RawAttempt(
        instance_id=row["instance_id"],
        name=str(row.get("attempt", place)),
        locations=None if named is None else tag_bug_locations(named),
        patch=(row.get("model_patch") or "").encode("utf-8", "surrogatepass"),
        is_resolved=resolved,
    )


def _describe(error: Exception) -> str:
    text = f"no {error}" if isinstance(error, KeyError) else str(error)
    return f"{type(error).__name__}: {text}"[:300]
