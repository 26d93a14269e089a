"""Find the CPython prefix for an environment: in a folder of prefixes, or installed by uv."""

import os
import subprocess
from functools import cache
from pathlib import Path

from curate.builders.errors import BuilderError
from curate.builders.model import Failure
from curate.builders.python.choose import find_interpreter
from curate.builders.settings import BuildSettings

_NO_DOWNLOAD = "No download found"  # uv's message for a version that it cannot download


def find_python(python: str, settings: BuildSettings, *, installed: bool = False) -> Path | Failure:
    """Return the folder that has `bin/python<X.Y>` of the newest patch release.

    Args:
        python: Python version, e.g. "3.8".
        settings: Has `python_install_dir`; without it, uv downloads the interpreter.
        installed: Whether to use an interpreter of this machine, which may not run elsewhere.

    Returns:
        A `Failure` of reason "no-interpreter" if the version is not available.

    Raises:
        BuilderError: uv failed to download it, e.g. without a network.
    """
    if settings.python_install_dir is not None:
        found = find_interpreter(settings.python_install_dir, python)
        detail = f"no Python {python} in {settings.python_install_dir}"
        return found.resolve().parents[1] if found else _missing_python(detail)
    if installed:
        result = _run_uv_python(
            settings.cache_dir, "find", "--no-project", "--no-python-downloads", python
        )
        if result.returncode == 0:
            return _base_prefix_of(result.stdout.strip())
    return _install_with_uv(python, settings.cache_dir)


@cache
def _install_with_uv(python: str, folder: Path) -> Path | Failure:
    """Install with uv into *folder* and return the prefix; cached unless the download fails."""
    install = _run_uv_python(folder, "install", "--no-bin", python)
    if install.returncode and _NO_DOWNLOAD not in install.stderr:
        raise BuilderError(
            f"uv could not download Python {python}: {install.stderr[-500:].strip()}",
            hint="Check the network, or set python_install_dir to a folder of CPython prefixes.",
        )
    if install.returncode:
        return _missing_python(install.stderr)
    found = _run_uv_python(folder, "find", "--managed-python", "--no-project", python)
    if found.returncode:
        return _missing_python(found.stderr)
    return Path(found.stdout.strip()).resolve().parents[1]


def _base_prefix_of(program: str) -> Path:
    """Return the prefix of *program*, or of the interpreter behind its virtual environment."""
    command = [program, "-c", "import sys; print(sys.base_prefix)"]
    return Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())


def find_uv() -> str:
    """Return the path of the uv that was installed with this package."""
    import uv

    return str(uv.find_uv_bin())


def _run_uv_python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    variables = {
        "UV_PYTHON_INSTALL_DIR": str(folder / "interpreters"),
        "UV_CACHE_DIR": str(folder / "uv"),
    }
    command = [find_uv(), "python", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env=os.environ | variables, check=False
    )


def _missing_python(detail: str) -> Failure:
    return Failure(stage="build", reason="no-interpreter", detail=detail[-2000:])
