"""What a backend is asked to build: of a small project with one commit, or of none."""

import subprocess
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from curate.builders.model import InstanceSpec, RequirementsLock

DATE = datetime(2024, 5, 1, tzinfo=UTC)


def make_instance_spec(
    mirror: Path, files: Mapping[str, str], lock: str, python: str, **more: Any
) -> InstanceSpec:
    """Commit *files* to a new repository in *mirror*; the spec of its only commit."""
    for name, content in files.items():
        (mirror / name).parent.mkdir(parents=True, exist_ok=True)
        (mirror / name).write_text(content)
    for command in ("init -q", "add -A", "-c user.name=a -c user.email=a@b.test commit -qm one"):
        subprocess.run(["git", *command.split()], cwd=mirror, check=True)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=mirror, check=True, capture_output=True, text=True
    )
    spec = imagine_instance_spec(DATE, lock, python=python, mirror=mirror, import_name="thing")
    return replace(spec, base_commit=head.stdout.strip(), **more)


def imagine_instance_spec(
    date: datetime, lock: str = "", *, python: str = "3.8", **more: Any
) -> InstanceSpec:
    """A spec without a repository, for what is only planned or rendered."""
    fields: dict[str, Any] = {
        "name": "Owner__Thing-1",
        "repo": "owner/thing",
        "mirror": Path("/nowhere"),
        "base_commit": "a" * 40,
        "lock": RequirementsLock(text=lock, python=python, exclude_newer=date),
    }
    return InstanceSpec(date=date, python=python, **fields | more)
