"""The CPython prefix an environment is made from: of a folder of prefixes, or installed by uv."""

import os
import subprocess
from functools import cache
from pathlib import Path

from builders.errors import BuilderError
from builders.model import Failure
from builders.python.choose import find_interpreter
from builders.settings import BuildSettings

_ABSENT = "No download found"  # uv's words for a version that nobody offers


def find_python(python: str, settings: BuildSettings, *, installed: bool = False) -> Path | Failure:
    """Folder with `bin/python<X.Y>`, the newest patch release there is; uv fetches it if need be.

    *installed* lets the machine's own interpreters serve, which do not run anywhere else. A
    version that cannot be had is a `Failure` ("no-interpreter"); BuilderError where uv cannot tell.
    """
    if settings.python_install_dir is not None:
        found = find_interpreter(settings.python_install_dir, python)
        detail = f"nothing like {python}.* in {settings.python_install_dir}"
        return found.resolve().parents[1] if found else _missing_python(detail)
    if installed:
        done = _run_uv_python(
            settings.cache_dir, "find", "--no-project", "--no-python-downloads", python
        )
        if done.returncode == 0:
            return _base_prefix_of(done.stdout.strip())
    return _install_with_uv(python, settings.cache_dir)


@cache
def _install_with_uv(python: str, folder: Path) -> Path | Failure:
    """Prefix that uv fetches into *folder*; asked for once a process, unless the network fails."""
    done = _run_uv_python(folder, "install", "--no-bin", python)
    if done.returncode and _ABSENT not in done.stderr:
        raise BuilderError(
            f"uv could not fetch Python {python}: {done.stderr[-500:].strip()}",
            hint="Check the network, or set CURATE_PYTHON_INSTALL_DIR to a folder of prefixes.",
        )
    if done.returncode:
        return _missing_python(done.stderr)
    done = _run_uv_python(folder, "find", "--managed-python", "--no-project", python)
    if done.returncode:
        return _missing_python(done.stderr)
    return Path(done.stdout.strip()).resolve().parents[1]


def _base_prefix_of(program: str) -> Path:
    """Prefix of the interpreter behind *program*, which may be a virtual environment's."""
    command = [program, "-c", "import sys; print(sys.base_prefix)"]
    return Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())


def find_uv() -> str:
    """Path of the uv that was installed with this package."""
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
