"""The CPython prefix an environment is made from: of a folder of prefixes, or installed by uv."""

import os
import subprocess
from pathlib import Path

from builders.interpreter import find_interpreter
from builders.model import Failure
from builders.settings import BuildSettings


def find_prefix(python: str, settings: BuildSettings, *, installed: bool = False) -> Path | Failure:
    """Folder with `bin/python<X.Y>`, the newest patch release there is; uv fetches it if need be.

    *installed* lets the machine's own interpreters serve, which do not run anywhere else. A
    version that cannot be had is a `Failure` ("no-interpreter").
    """
    if settings.interpreters is not None:
        found = find_interpreter(settings.interpreters, python)
        detail = f"nothing like {python}.* in {settings.interpreters}"
        return found.resolve().parents[1] if found else _missing(detail)
    if installed:
        done = _uv_python(settings.cache, "find", "--no-project", "--no-python-downloads", python)
        if done.returncode == 0:
            return _base_prefix(done.stdout.strip())
    done = _uv_python(settings.cache, "install", "--no-bin", python)
    if done.returncode:
        return _missing(done.stderr)
    done = _uv_python(settings.cache, "find", "--managed-python", "--no-project", python)
    if done.returncode:
        return _missing(done.stderr)
    return Path(done.stdout.strip()).resolve().parents[1]


def _base_prefix(program: str) -> Path:
    """Prefix of the interpreter behind *program*, which may be a virtual environment's."""
    command = [program, "-c", "import sys; print(sys.base_prefix)"]
    return Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())


def uv_binary() -> str:
    """Path of the uv that was installed with this package."""
    import uv

    return str(uv.find_uv_bin())


def _uv_python(cache: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    variables = {
        "UV_PYTHON_INSTALL_DIR": str(cache / "interpreters"),
        "UV_CACHE_DIR": str(cache / "uv"),
    }
    command = [uv_binary(), "python", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env=os.environ | variables, check=False
    )


def _missing(detail: str) -> Failure:
    return Failure(stage="build", reason="no-interpreter", detail=detail[-2000:])
