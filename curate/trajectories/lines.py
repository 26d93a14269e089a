"""Trajectory files: JSON lines, a trajectory each. They are predictions for `evaluate`, too."""

import json
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from curate.core.errors import ConfigurationError, NotFoundError
from curate.core.files import require_ordinary_file
from curate.trajectories.record import SCHEMA_VERSION, Json, Reward, Trajectory, Usage

_TEXTS = ("instance_id", "repo", "agent", "agent_version", "model", "exit_status", "source")
_MORE_TEXTS = ("origin", "created_at")
_OBJECTS = ("settings", "tokens", "scores")


class InvalidTrajectoryError(ValueError):
    """A line is no trajectory; its message says why."""


def format_trajectory(trajectory: Trajectory) -> bytes:
    """Return *trajectory* as a line of JSON with newline; the same trajectory is the same bytes.

    `trajectory_id`, `model_name_or_path`, `model_patch` and `resolved` are as others name them, so
    that the line is a prediction of SWE-bench's form.
    """
    row: Json = {
        "schema_version": trajectory.schema_version,
        "trajectory_id": trajectory.trajectory_id,
    }
    row |= {name: getattr(trajectory, name) for name in _TEXTS + _MORE_TEXTS}
    row |= {
        "model_name_or_path": trajectory.model or trajectory.agent,
        "sample": trajectory.sample,
        "resolved": trajectory.reward.resolved,
        "reward": asdict(trajectory.reward),
        "usage": asdict(trajectory.usage),
        "model_patch": trajectory.patch,
        "messages": list(trajectory.messages),
        "tools": list(trajectory.tools),
    }
    row |= {name: dict(getattr(trajectory, name)) for name in _OBJECTS}
    # ASCII keeps surrogate escapes of a patch, and what breaks lines for some readers.
    return json.dumps(row, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def parse_trajectory(line: bytes) -> Trajectory:
    """Return the trajectory of a line that `format_trajectory` wrote.

    Raises InvalidTrajectoryError.
    """
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidTrajectoryError(f"no JSON: {str(error)[:200]}") from error
    if not isinstance(row, dict):
        raise InvalidTrajectoryError("no JSON object")
    version = row.get("schema_version")
    if not isinstance(version, str) or version.split(".")[0] != SCHEMA_VERSION.split(".")[0]:
        raise InvalidTrajectoryError(f"its schema_version is {version!r}, not {SCHEMA_VERSION}")
    return _make_trajectory(row)


def iter_trajectories(path: Path) -> Iterator[Trajectory]:
    """Yield the trajectories of the file *path*, one at a time.

    Raises NotFoundError if there is none, ConfigurationError with the line that is no trajectory.
    """
    if not path.exists():
        raise NotFoundError(f"No trajectories: {path} does not exist.")
    require_ordinary_file(path)
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield parse_trajectory(line)
            except InvalidTrajectoryError as error:
                raise ConfigurationError(
                    f"{path}: line {number} is no trajectory: {error}.",
                    hint="Turn files of other forms into trajectories: curate trajectories import.",
                ) from error


def _make_trajectory(row: dict[str, Any]) -> Trajectory:
    values: dict[str, Any] = {name: _get(row, name, str, "") for name in _TEXTS + _MORE_TEXTS}
    values |= {name: _get(row, name, dict, {}) for name in _OBJECTS}
    for name in ("messages", "tools"):
        values[name] = tuple(_get(row, name, list, []))
        if not all(isinstance(it, dict) for it in values[name]):
            raise InvalidTrajectoryError(f"{name} has what is no object")
    if not values["instance_id"] or not values["agent"]:
        raise InvalidTrajectoryError("instance_id or agent is empty")
    return Trajectory(
        **values,
        sample=_get(row, "sample", int, 0),
        patch=_get(row, "model_patch", str, ""),
        reward=_make(Reward, _get(row, "reward", dict, {})),
        usage=_make(Usage, _get(row, "usage", dict, {})),
        schema_version=row["schema_version"],
    )


def _get(row: dict[str, Any], name: str, kind: type, default: Any) -> Any:
    value = row.get(name, default)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise InvalidTrajectoryError(f"{name} is no {kind.__name__}")
    return value


def _make(kind: type, found: dict[str, Any]) -> Any:
    known = {field.name for field in fields(kind)}
    return kind(**{name: value for name, value in found.items() if name in known})
