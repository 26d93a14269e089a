"""Tools that read what curate publishes: found where .ci/clients has put them, run unmodified."""

import os
import subprocess
from pathlib import Path

import pytest

SECONDS = 240  # before pytest ends the test, and leaves the client running
SETTINGS = ("CURATE_", "PYTHON", "HF_")


def require_client(name: str) -> pytest.MarkDecorator:
    """Mark that skips a test where .ci/clients did not install *name*."""
    return pytest.mark.skipif(not is_installed(name), reason=f"{_variable(name)} names no {name}")


def is_installed(name: str) -> bool:
    """Whether .ci/clients has installed *name*."""
    return bool(os.environ.get(_variable(name)))


def client_program(name: str, program: str) -> str:
    """Path of *program* in the environment of the client *name*."""
    return str(Path(os.environ[_variable(name)]).parent / program)


def run_client(*command: str, folder: Path, **variables: str) -> str:
    """Standard output of *command*, run in *folder* with a home of its own; it must succeed.

    It sees none of the settings of these tests, and finds no package but those of its environment.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith(SETTINGS)}
    home = folder / "home"
    home.mkdir(exist_ok=True)
    docker = os.environ.get("DOCKER_CONFIG") or str(Path.home() / ".docker")
    done = subprocess.run(
        command,
        cwd=folder,
        env={**kept, "HOME": str(home), "DOCKER_CONFIG": docker, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _variable(name: str) -> str:
    return f"CURATE_{name.replace('-', '_').upper()}"
