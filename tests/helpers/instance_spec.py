"""A small project in a repository of one commit, and what a backend is asked to build of it."""

import subprocess
from collections.abc import Mapping
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
    return InstanceSpec(
        name="Owner__Thing-1",
        repo="owner/thing",
        mirror=mirror,
        base_commit=head.stdout.strip(),
        date=DATE,
        python=python,
        lock=RequirementsLock(text=lock, python=python, exclude_newer=DATE),
        import_name="thing",
        **more,
    )
