"""Run uv in a temporary folder, with a time limit and independently of the user's settings."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from curate.builders.lock.legacy_metadata import LOG
from curate.builders.process.free_space import free_bytes, is_same_filesystem
from curate.builders.process.temp_dirs import TEMP_DIR_VARIABLE, remove_stale_temp_dirs, temp_dir
from curate.builders.python.install import find_uv
from curate.builders.settings import BuildSettings

UV_TIMEOUT_SECONDS = 900.0  # for one call, including builds of old source distributions

# Variables of uv that do not change what is resolved.
_UV_PASSED_THROUGH = frozenset(
    {"UV_PYTHON_INSTALL_DIR", "UV_HTTP_TIMEOUT", "UV_HTTP_RETRIES", "UV_OFFLINE"}
)


@dataclass(frozen=True, kw_only=True)
class UvResult:
    """Exit code and output of a uv process."""

    code: int | None  # None = stopped at the time limit
    output: str
    errors: str


@contextmanager
def run_uv(
    arguments: list[str], settings: BuildSettings, files: Mapping[str, str]
) -> Iterator[tuple[UvResult, Path]]:
    """Run uv with *arguments* in a new folder with *files* (name -> text).

    Yields the result and the folder, which is removed at the end of the block.
    """
    with temp_dir(Path(tempfile.gettempdir()), "lock") as folder:
        for name, text in files.items():
            (folder / name).write_text(text)
        environment = (
            make_uv_environment(settings, os.environ) | LOG | {TEMP_DIR_VARIABLE: str(folder)}
        )
        yield _run_in_group([find_uv(), *arguments], folder, environment), folder


def remove_stale_resolutions() -> None:
    """Stop uv processes whose parent process was killed, and remove their folders."""
    remove_stale_temp_dirs(Path(tempfile.gettempdir()), "lock")


def prune_uv_cache(settings: BuildSettings, folder: Path) -> int:
    """Remove everything from uv's cache that can be downloaded again; return the freed bytes.

    Most of it are source distributions that were unpacked for their metadata, some of hundreds of
    MB. uv waits for running resolutions, and new ones wait for it. Nothing is done, and 0 returned,
    if the cache is not on the disk of *folder*.
    """
    cache = settings.cache_dir / "uv"
    if not cache.exists() or not is_same_filesystem(cache, folder):
        return 0
    before = free_bytes(folder)
    with run_uv(["cache", "prune", "--ci"], settings, {}):
        return max(free_bytes(folder) - before, 0)


def make_uv_environment(settings: BuildSettings, outer: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for uv: *outer* without those that would change a resolution."""
    variables = {
        k: v for k, v in outer.items() if not k.startswith("UV_") or k in _UV_PASSED_THROUGH
    }
    variables["UV_CACHE_DIR"] = str(settings.cache_dir / "uv")
    variables["UV_LOCK_TIMEOUT"] = f"{UV_TIMEOUT_SECONDS:.0f}"
    variables["NO_COLOR"] = "1"
    if settings.ca_bundle is not None:
        variables["SSL_CERT_FILE"] = str(settings.ca_bundle)
    if settings.index_url:
        variables["UV_DEFAULT_INDEX"] = settings.index_url
    return variables


def _run_in_group(command: list[str], folder: Path, environment: Mapping[str, str]) -> UvResult:
    """Run *command* in its own process group, so that a build that hangs is killed with it."""
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
        output, errors = process.communicate(timeout=UV_TIMEOUT_SECONDS)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
        return UvResult(code=None, output="", errors=f"stopped after {UV_TIMEOUT_SECONDS:.0f} s")
    return UvResult(code=process.returncode, output=output, errors=errors)
