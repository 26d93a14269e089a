"""Predictions in SWE-bench's forms: JSON Lines, a JSON list, a JSON object by instance id."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curate.core.errors import ConfigurationError, NotFoundError
from curate.core.files import require_ordinary_file
from curate.core.task import Task

GOLD, EMPTY = "gold", "empty"
"""Names in place of a file: the gold patch of each instance, or no patch."""

UNNAMED_MODEL = "unnamed"
_FORMS = "Pass JSON Lines, a JSON list, or a JSON object by instance id, as SWE-bench has them."
_MODEL, _PATCH = "model_name_or_path", "model_patch"


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """The patches of one model by instance id; None stands for the gold patch."""

    model: str
    patches: Mapping[str, bytes | None]

    def get_patch(self, task: Task) -> bytes:
        """Return the patch for *task*."""
        patch = self.patches[task.instance_id]
        return task.gold if patch is None else patch


@dataclass(frozen=True, kw_only=True)
class PredictionFile:
    """Predictions by model, in the order of the file, and what of it was left out."""

    models: tuple[Predictions, ...]
    problems: tuple[str, ...] = ()  # entries that were left out, one sentence each
    warnings: tuple[str, ...] = ()  # entries that another one replaces, one sentence each


def read_predictions(source: str, ids: Iterable[str]) -> PredictionFile:
    """Return the predictions of the file *source*, or "gold" or "empty" for all *ids*.

    Entries that are none are left out and named. If an id occurs more than once for a model, the
    last one counts, as in SWE-bench. Raises ConfigurationError if nothing can be read of the file.
    """
    if source in {GOLD, EMPTY}:
        patch = None if source == GOLD else b""
        patches = dict.fromkeys(ids, patch)
        return PredictionFile(models=(Predictions(model=source, patches=patches),))
    if not Path(source).exists():
        raise NotFoundError(
            f"No file of predictions {source}.",
            hint=f"Pass a file in SWE-bench's form, or one of the words {GOLD} and {EMPTY}.",
        )
    reader = _Reader()
    for place, entry in _iter_entries(Path(source)):
        reader.add(place, entry)
    if not reader.by_model and reader.problems:
        raise ConfigurationError(f"{source} has no predictions: {reader.problems[0]}", hint=_FORMS)
    models = (
        Predictions(model=model, patches=patches) for model, patches in reader.by_model.items()
    )
    return PredictionFile(
        models=tuple(models), problems=tuple(reader.problems), warnings=tuple(reader.warnings)
    )


@dataclass
class _Reader:
    by_model: dict[str, dict[str, bytes | None]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, place: str, entry: object) -> None:
        """Add one entry, or note why not."""
        if not isinstance(entry, dict):
            self.problems.append(f"{place}: not a prediction, which is a JSON object.")
            return
        name, patch = entry.get("instance_id"), entry.get(_PATCH)
        model = entry.get(_MODEL)
        if not isinstance(name, str) or not name:
            self.problems.append(f"{place}: no instance_id.")
            return
        if _PATCH not in entry or not isinstance(patch, str | None):
            self.problems.append(f"{place}: the {_PATCH} of {name} is not a text.")
            return
        patches = self.by_model.setdefault(str(model or UNNAMED_MODEL), {})
        content = (patch or "").encode("utf-8", "surrogatepass")
        if patches.get(name, content) != content:
            self.warnings.append(f"{place}: another patch for {name}; the last one counts.")
        patches[name] = content


def _iter_entries(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield (place, entry) of the file."""
    require_ordinary_file(path)
    text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    if not text.strip():
        raise ConfigurationError(f"{path} is empty.", hint=_FORMS)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        if "\n" not in text.strip():
            raise ConfigurationError(f"{path} is not JSON: {error}", hint=_FORMS) from error
        yield from _iter_lines(path, text)
        return
    if isinstance(document, dict) and isinstance(document.get("instance_id"), str):
        yield f"{path}", document
    elif isinstance(document, dict):
        for name, entry in document.items():
            patch = {_PATCH: entry} if isinstance(entry, str) else entry
            is_entry = isinstance(patch, dict)
            yield f"{path}, {name}", {"instance_id": name, **patch} if is_entry else entry
    elif isinstance(document, list):
        for number, entry in enumerate(document, 1):
            yield f"{path}, entry {number}", entry
    else:
        raise ConfigurationError(
            f"{path} has no predictions.",
            hint=_FORMS,
        )


def _iter_lines(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield f"{path}, line {number}", json.loads(line)
        except (ValueError, RecursionError):
            yield f"{path}, line {number}", None
