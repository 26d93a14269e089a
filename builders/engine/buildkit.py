"""Builds with BuildKit through a command-line client, as the docker SDK has no BuildKit.

Not every `docker` on PATH can build: from version 23 on, one without buildx refuses.
"""

import os
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from builders.errors import DiskFullError, EngineUnavailableError, SandboxError
from builders.model import Failure
from builders.process.run import LOG_TAIL, run_command
from builders.process.temp_dirs import TEMP_DIR_VARIABLE

# What the engine or its client says in a build log when no engine answers any more.
_ENGINE_UNREACHABLE = re.compile(
    r"Cannot connect to the Docker daemon|error during connect|frontend grpc server closed"
    r"|rpc error: code = (Unavailable|Canceled)|transport is closing|context canceled"
    r"|failed to connect to the docker API|unexpected EOF|connection reset|broken pipe",
    re.IGNORECASE,
)

# How the log of a build ends in which a command ended by itself, and not well: with BuildKit, with
# Podman. One killed with -9 (137) had no memory left, or its engine was being stopped.
_COMMAND_FAILED = re.compile(r"\b(?:exit code:|exit status) (?!(?:0|137)\b)\d+\W*$", re.MULTILINE)

_LAST_LINES = 3  # some clients add a link or an advice

_NO_SPACE = "no space left on device"

# Lines that quote: what a command of the build printed, and the command itself.
_PRINTED = re.compile(r"(#\d+ )?\d+\.\d+ |(#\d+ | > )\[")


@dataclass(frozen=True, kw_only=True)
class BuildClient:
    """A command line that can build with BuildKit, and the variables it needs."""

    command: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()


@cache
def find_build_client(named: str = "") -> BuildClient:
    """First client that has BuildKit: *named*, else any `docker` on PATH, then /usr/bin/docker."""
    for path in [named] if named else _list_docker_clients():
        if _has_buildkit([path, "buildx", "version"]):
            return BuildClient(command=(path, "buildx", "build", "--load"))
        if _client_major_version(path) < 23:
            return BuildClient(command=(path, "build"), environment=(("DOCKER_BUILDKIT", "1"),))
    raise EngineUnavailableError(
        f"no docker client with BuildKit ({named or 'none on PATH'})",
        hint="Install docker-buildx, or name a client that has it in the setting `docker`.",
    )


def run_build(
    client: BuildClient,
    *,
    dockerfile: str,
    context: Path,
    temp_dir: Path,
    tag: str,
    ignored: str = "",
    labels: Sequence[str] = (),
    watch: Callable[[], None] = lambda: None,
) -> Failure | None:
    """Build *dockerfile* with the folder *context* as *tag*; None when it worked.

    *temp_dir* is a folder outside the context for the Dockerfile; the client ends with it. A
    command that fails, or goes on for too long, is a `Failure` with the end of the log; an engine
    that fails raises `EngineUnavailableError`, a disk that is full `DiskFullError`. What *watch*
    raises while it goes ends it.
    """
    file = temp_dir / "Dockerfile"
    file.write_text(dockerfile)
    (temp_dir / "Dockerfile.dockerignore").write_text(ignored)
    options = ["--progress=plain", "--file", str(file), "--tag", tag]
    options += [option for label in labels for option in ("--label", label)]
    result = run_command(
        [*client.command, *options, str(context)],
        env=os.environ | dict(client.environment) | {TEMP_DIR_VARIABLE: str(temp_dir)},
        watch=watch,
    )
    if isinstance(result, Failure):
        return result
    code, log = result
    return _classify_build_failure(log) if code else None


def _classify_build_failure(log: str) -> Failure:
    """The `Failure` of the command that ended a build; without one it is the engine that failed."""
    # What a command printed, and its own text, may contain any words.
    own = [line for line in log.rstrip().splitlines() if not _PRINTED.match(line)]
    message = "\n".join(own)
    if not _COMMAND_FAILED.search("\n".join(own[-_LAST_LINES:])):
        if _NO_SPACE in message:
            raise DiskFullError("the engine's disk is full", hint="docker system prune")
        kind = EngineUnavailableError if _ENGINE_UNREACHABLE.search(message) else SandboxError
        hint = "See the engine's log; is there memory for so many builds at once (-j)?"
        raise kind(f"the build could not be run: {_last_line(message)}", hint=hint)
    if _NO_SPACE in log.lower():  # builds have no quota, so it was the engine's disk
        raise SandboxError(
            f"a build found no space left: {_last_line(message)}", hint="Free some space."
        )
    return Failure(stage="build", reason="build-command-failed", detail=_relevant_log(log))


def _last_line(text: str) -> str:
    """The last line that says anything."""
    return (text.strip().splitlines() or ["the client said nothing"])[-1][-500:]


def _relevant_log(log: str) -> str:
    """The end of *log*, after the lines before it that name a package which does not build."""
    rest, tail = log[:-LOG_TAIL], log[-LOG_TAIL:]
    lines = rest.splitlines()
    found = [n for n, line in enumerate(lines) if "Failed to " in line and "build" in line]
    named = [line[:200] for n in found[-3:] for line in lines[n : n + 2]]
    return "\n".join([*named, tail])


def _list_docker_clients() -> list[str]:
    """Every `docker` on PATH in order, each file once, then the distribution's."""
    folders = [*os.get_exec_path(), "/usr/bin"]
    found = [Path(folder) / "docker" for folder in folders]
    return list(dict.fromkeys(str(path) for path in found if os.access(path, os.X_OK)))


def _has_buildkit(command: Sequence[str]) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _client_major_version(path: str) -> int:
    """Major version of the client at *path*; a large number when it does not say."""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 1000
    version_match = re.search(rb"version (\d+)\.", done.stdout)
    return int(version_match[1]) if version_match else 1000
