"""Rootless Podman: its service, which speaks Docker's API, and what it lacks.

The service is started by the process that needs it and ends with it, even if it is killed.
Images and containers are in the user's own storage.
"""

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from curate.builders.errors import EngineUnavailableError, SandboxError

INSTALL_HINT = "Install Podman 4.3 or newer, with subordinate ids for this user (man 5 subuid)."
_LIMITED_BY = frozenset({"memory", "pids"})  # cgroup controllers
# In the background, so that it is no child of this process, which ends its children when it is
# interrupted, and must then still remove containers.
_SERVICE = """
exec 3<&0
(
  "$1" system service --time=0 "$2" 3<&- &
  echo $! > "$3/pid"
  read -r _ <&3
  kill $!
  rm -r "$3"
) &
"""
_START_SECONDS = 30.0


def find_podman() -> str:
    """Return the path of `podman`; raises EngineUnavailableError if there is none."""
    found = shutil.which("podman")
    if not found:
        raise EngineUnavailableError("podman is not installed", hint=INSTALL_HINT)
    return found


@cache
def start_service() -> str:
    """Start the service and return its address; it ends when this process has ended.

    Raises:
        EngineUnavailableError: It does not start.
    """
    folder = Path(tempfile.mkdtemp(prefix="curate-podman-", dir=os.environ.get("XDG_RUNTIME_DIR")))
    address = f"unix://{folder / 'sock'}"
    reading, _ = os.pipe()  # its other end closes with this process
    with (folder / "log").open("wb") as log:
        subprocess.run(
            ["sh", "-c", _SERVICE, "sh", find_podman(), address, str(folder)],
            stdin=reading,
            stdout=log,
            stderr=log,
            start_new_session=True,
            check=True,
        )
    os.close(reading)
    deadline = time.monotonic() + _START_SECONDS
    while not (folder / "sock").exists():
        if _has_ended(folder / "pid") or time.monotonic() > deadline:
            lines = (folder / "log").read_text(errors="replace").strip().splitlines()
            raise EngineUnavailableError(
                f"podman: {lines[-1] if lines else 'its service does not start'}",
                hint=INSTALL_HINT,
            )
        time.sleep(0.05)
    return address


def _has_ended(file: Path) -> bool:
    """Whether the process whose id is in *file* has ended; False while there is none."""
    import psutil

    text = file.read_text() if file.exists() else ""
    try:
        return bool(text) and psutil.Process(int(text)).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def has_limits() -> bool:
    """Whether Podman holds limits of memory and processes by itself: by cgroup v2, or as root."""
    host = json.loads(run_podman(["info", "--format", "json"]))["host"]
    if not host["security"]["rootless"]:
        return True
    return host["cgroupVersion"] == "v2" and set(host["cgroupControllers"] or ()) >= _LIMITED_BY


def load_layout(layout: Path, name: str) -> str:
    """Load the image *name* of the OCI layout in the folder *layout*; return its id.

    Podman makes a name of the path it is given, so that one with capitals or underscores would be
    refused: it is given a link.

    Raises:
        SandboxError: Podman cannot read it.
    """
    with tempfile.TemporaryDirectory(prefix="curate-") as folder:
        Path(folder, "layout").symlink_to(layout.absolute())
        return run_podman(["pull", "--quiet", f"oci:layout:{name}"], Path(folder)).strip()


def run_podman(arguments: Sequence[str], folder: Path | None = None) -> str:
    """Return what `podman` prints on stdout; raises SandboxError with its last line if it fails."""
    command = [find_podman(), *arguments]
    done = subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise SandboxError(f"podman {arguments[0]}: {lines[-1] if lines else done.returncode}")
    return done.stdout.decode("utf-8", "replace")
