"""uv as a process: in a folder of its own, stopped at a limit, with nothing in its surroundings
that could change a resolution."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from builders.lock.legacy_metadata import LOG
from builders.process.free_space import free_bytes, same_disk
from builders.process.temp_dirs import VARIABLE, scratch, sweep_scratch
from builders.python.install import uv_binary
from builders.settings import BuildSettings

SECONDS = 900.0  # for one call, builds of old source distributions included

# Variables of uv that change where things are, never what is resolved.
_UV_KEPT = frozenset({"UV_PYTHON_INSTALL_DIR", "UV_HTTP_TIMEOUT", "UV_HTTP_RETRIES", "UV_OFFLINE"})


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What uv said, and how it ended."""

    code: int | None  # None: stopped at the time limit
    output: str
    errors: str


@contextmanager
def run_uv(
    arguments: list[str], settings: BuildSettings, files: Mapping[str, str]
) -> Iterator[tuple[Attempt, Path]]:
    """What became of uv with *arguments* in a folder with *files*, which goes afterwards."""
    with scratch(Path(tempfile.gettempdir()), "lock") as folder:
        for name, text in files.items():
            (folder / name).write_text(text)
        environment = uv_environment(settings, os.environ) | LOG | {VARIABLE: str(folder)}
        yield _run([uv_binary(), *arguments], folder, environment), folder


def sweep_locks() -> None:
    """End resolutions whose process was killed, and remove their folders."""
    sweep_scratch(Path(tempfile.gettempdir()), "lock")


def trim_cache(settings: BuildSettings, folder: Path) -> int:
    """Remove what uv can have again by a download; the bytes that it made free where *folder* is.

    Most are source distributions that were unpacked to be asked for their metadata, hundreds of MB
    some of them. Resolutions under way are waited for, and wait.
    """
    cache = settings.cache / "uv"
    if not cache.exists() or not same_disk(cache, folder):
        return 0
    before = free_bytes(folder)
    with run_uv(["cache", "prune", "--ci"], settings, {}):
        return max(free_bytes(folder) - before, 0)


def uv_environment(settings: BuildSettings, outer: Mapping[str, str]) -> dict[str, str]:
    """Return the variables uv gets: *outer* without what would change a resolution."""
    kept = {k: v for k, v in outer.items() if not k.startswith("UV_") or k in _UV_KEPT}
    kept["UV_CACHE_DIR"] = str(settings.cache / "uv")
    kept["UV_LOCK_TIMEOUT"] = f"{SECONDS:.0f}"
    kept["NO_COLOR"] = "1"
    if settings.ca_bundle is not None:
        kept["SSL_CERT_FILE"] = str(settings.ca_bundle)
    if settings.index_url:
        kept["UV_DEFAULT_INDEX"] = settings.index_url
    return kept


def _run(command: list[str], folder: Path, environment: Mapping[str, str]) -> Attempt:
    """Run *command* in a process group of its own, so that a stuck build ends with it."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=SECONDS)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
        return Attempt(code=None, output="", errors=f"stopped after {SECONDS:.0f} s")
    return Attempt(code=process.returncode, output=output, errors=errors)
