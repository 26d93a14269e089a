"""BuildKit builds through the `docker` command line, as the docker SDK does not support BuildKit.

Not every `docker` on PATH can build: since version 23, BuildKit needs the buildx plugin.
"""

import os
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from curate.builders.errors import DiskFullError, EngineUnavailableError, SandboxError
from curate.builders.model import Failure
from curate.builders.process.free_space import FREE_SPACE_HINT
from curate.builders.process.run import LOG_TAIL, run_command
from curate.builders.process.temp_dirs import TEMP_DIR_VARIABLE

# Messages in a build log when the engine stopped responding.
_ENGINE_UNREACHABLE = re.compile(
    r"Cannot connect to the Docker daemon|error during connect|frontend grpc server closed"
    r"|rpc error: code = (Unavailable|Canceled)|transport is closing|context canceled"
    r"|failed to connect to the docker API|unexpected EOF|connection reset|broken pipe",
    re.IGNORECASE,
)

# How a build log ends when a command of the build failed, with BuildKit or Podman. Exit code 137
# (SIGKILL) is left out: the machine was out of memory, or the engine was being stopped.
_COMMAND_FAILED = re.compile(r"\b(?:exit code:|exit status) (?!(?:0|137)\b)\d+\W*$", re.MULTILINE)

_LAST_LINES = 3  # some clients append a link or a hint

_PLAIN = "--progress=plain"
_NO_SPACE = "no space left on device"

# Lines that quote the output of a command of the build, or the command itself.
_QUOTED = re.compile(r"(#\d+ )?\d+\.\d+ |(#\d+ | > )\[")


@dataclass(frozen=True, kw_only=True)
class BuildClient:
    """A command line that builds with BuildKit, and the environment variables it needs."""

    command: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()


@cache
def find_build_client(named: str = "") -> BuildClient:
    """Return the first client with BuildKit: *named*, or any `docker` on PATH or in /usr/bin.

    Raises:
        EngineUnavailableError: No client has BuildKit.
    """
    for path in [named] if named else _list_docker_clients():
        if _has_buildkit([path, "buildx", "version"]):
            return BuildClient(command=(path, "buildx", "build", "--load", _PLAIN))
        if _client_major_version(path) < 23:
            return BuildClient(
                command=(path, "build", _PLAIN), environment=(("DOCKER_BUILDKIT", "1"),)
            )
    raise EngineUnavailableError(
        f"no docker client with BuildKit ({named or 'none on PATH'})",
        hint="Install docker-buildx, or set docker_cli to the path of a client that has it.",
    )


@dataclass(frozen=True, kw_only=True)
class BuildRequest:
    """One image to build."""

    tag: str  # name of the image
    dockerfile: str  # text
    context: Path  # folder sent to the engine
    temp_dir: Path  # folder outside of it for the Dockerfile; marks the client's process
    ignored: str = ""  # text of the `.dockerignore` file
    labels: Sequence[str] = ()  # of the image, as "key=value"


def run_build(
    client: BuildClient, request: BuildRequest, watch: Callable[[], None] = lambda: None
) -> Failure | None:
    """Build the image of *request* with *client*.

    Args:
        client: The build client. It gets the temporary folder as a variable, by which
            `remove_stale_temp_dirs` finds and ends it.
        request: What to build.
        watch: Called about every second; an exception it raises stops the build.

    Returns:
        None on success, a `Failure` with the end of the log if a command of the build fails or
        takes too long.

    Raises:
        EngineUnavailableError: The engine does not respond.
        DiskFullError: The engine's disk is full.
        SandboxError: The build failed for another reason that is not one of its commands.
    """
    file = request.temp_dir / "Dockerfile"
    file.write_text(request.dockerfile)
    (request.temp_dir / "Dockerfile.dockerignore").write_text(request.ignored)
    options = ["--file", str(file), "--tag", request.tag]
    options += [option for label in request.labels for option in ("--label", label)]
    result = run_command(
        [*client.command, *options, str(request.context)],
        env=os.environ | dict(client.environment) | {TEMP_DIR_VARIABLE: str(request.temp_dir)},
        watch=watch,
    )
    if isinstance(result, Failure):
        return result
    code, log = result
    return classify_build_failure(log) if code else None


def classify_build_failure(log: str) -> Failure:
    """Return the `Failure` of the build's command; raise if it was the engine that failed."""
    # Ignore the output and the text of commands, which may contain any words.
    own = [line for line in log.rstrip().splitlines() if not _QUOTED.match(line)]
    message = "\n".join(own)
    if not _COMMAND_FAILED.search("\n".join(own[-_LAST_LINES:])):
        if _NO_SPACE in message:
            raise DiskFullError("the engine's disk is full", hint=FREE_SPACE_HINT)
        kind = EngineUnavailableError if _ENGINE_UNREACHABLE.search(message) else SandboxError
        hint = "See the engine's log; if memory ran out, run fewer workers (-j)."
        raise kind(f"the build could not be run: {_last_line(message)}", hint=hint)
    if _NO_SPACE in log.lower():  # builds have no quota, so it was the engine's disk
        raise SandboxError(
            f"disk full during build: {_last_line(message)}",
            hint=FREE_SPACE_HINT,
        )
    return Failure(stage="build", reason="build-command-failed", detail=_relevant_log(log), log=log)


def _last_line(text: str) -> str:
    """Return the last non-empty line, at most 500 characters."""
    return (text.strip().splitlines() or ["no output from docker"])[-1][-500:]


def _relevant_log(log: str) -> str:
    """Return the end of *log*, preceded by earlier lines that name packages that do not build."""
    rest, tail = log[:-LOG_TAIL], log[-LOG_TAIL:]
    lines = rest.splitlines()
    found = [n for n, line in enumerate(lines) if "Failed to " in line and "build" in line]
    named = [line[:200] for n in found[-3:] for line in lines[n : n + 2]]
    return "\n".join([*named, tail])


def _list_docker_clients() -> list[str]:
    """Return every `docker` on PATH in order, then /usr/bin/docker, without duplicates."""
    folders = [*os.get_exec_path(), "/usr/bin"]
    found = [Path(folder) / "docker" for folder in folders]
    return list(dict.fromkeys(str(path) for path in found if os.access(path, os.X_OK)))


def _has_buildkit(command: Sequence[str]) -> bool:
    try:
        completed = subprocess.run(command, capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return completed.returncode == 0


def _client_major_version(path: str) -> int:
    """Return the major version of the client at *path*, or 1000 if it is unknown."""
    command = [path, "--version"]
    try:
        completed = subprocess.run(command, capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 1000
    version_match = re.search(rb"version (\d+)\.", completed.stdout)
    return int(version_match[1]) if version_match else 1000
