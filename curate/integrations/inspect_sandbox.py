"""A sandbox of Inspect that starts a task's image with the docker command alone.

Inspect's own sandbox `docker` needs Docker 24 or newer and its compose plugin; this one does not.
"""

import atexit
import secrets
from pathlib import PurePosixPath
from subprocess import DEVNULL, run
from typing import Literal, overload

import anyio
from inspect_ai.util import (
    ExecResult,
    OutputLimitExceededError,
    SandboxEnvironment,
    SandboxEnvironmentConfigType,
    sandboxenv,
    subprocess,
)

from curate.core.settings import read_settings

NAME = "curate"
IMAGE, NETWORK = "image", "network"  # keys of a sample's metadata
WORKDIR = "/testbed"
_MAX_OUTPUT_BYTES = 10 << 20  # Inspect's own limits
_MAX_FILE_BYTES = 100 << 20
_CONTAINER_LIFE = "86400"  # seconds, should the process that owns it be killed
_living: set[tuple[str, str]] = set()  # (docker, container) of this process
_TIMEOUT_CODE = 124  # of coreutils


@sandboxenv(name=NAME)
class CurateSandbox(SandboxEnvironment):
    """A container of the image that the sample's metadata names."""

    def __init__(self, docker: str, container: str) -> None:
        super().__init__()
        self.docker = docker
        self.container = container

    @classmethod
    async def sample_init(
        cls,
        task_name: str,
        config: SandboxEnvironmentConfigType | None,
        metadata: dict[str, str],
    ) -> dict[str, SandboxEnvironment]:
        """Start the container of a sample."""
        docker = read_settings({}).docker_cli or "docker"
        box = cls(docker, f"curate-inspect-{secrets.token_hex(8)}")
        options = ["--detach", "--rm", "--init", "--name", box.container, "--workdir", WORKDIR]
        network = ["--network", metadata[NETWORK]]
        _living.add((docker, box.container))
        try:
            started = await subprocess(
                [docker, "run", *options, *network, metadata[IMAGE], "sleep", _CONTAINER_LIFE]
            )
        except BaseException:  # cancelled while it starts: nobody will clean up
            with anyio.CancelScope(shield=True):
                await box.remove()
            raise
        if not started.success:
            raise RuntimeError(f"the sandbox cannot start: {started.stderr.strip()}")
        return {"default": box}

    @classmethod
    async def sample_cleanup(
        cls,
        task_name: str,
        config: SandboxEnvironmentConfigType | None,
        environments: dict[str, SandboxEnvironment],
        interrupted: bool,  # noqa: FBT001
    ) -> None:
        """Remove the container of a sample."""
        for environment in environments.values():
            await environment.as_type(cls).remove()

    async def remove(self) -> None:
        """Remove the container, whatever runs in it; if that fails, the end of the process does."""
        done = await subprocess([self.docker, "rm", "--force", "--volumes", self.container])
        if done.success:
            _living.discard((self.docker, self.container))

    async def exec(  # noqa: PLR0913, PLR0917
        self,
        cmd: list[str],
        input: str | bytes | None = None,
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        user: str | None = None,
        timeout: int | None = None,
        timeout_retry: bool = True,  # noqa: FBT001, FBT002
        concurrency: bool = True,  # noqa: FBT001, FBT002
    ) -> ExecResult[str]:
        """Run a command; TimeoutError if it takes longer than *timeout* seconds."""
        options = ["--workdir", str(PurePosixPath(WORKDIR) / (cwd or ""))]
        options += ["--user", user] if user else []
        for key, value in (env or {}).items():
            options += ["--env", f"{key}={value}"]
        limited = ["/usr/bin/timeout", "-k", "5", str(timeout), *cmd] if timeout else cmd
        done = await subprocess(
            [self.docker, "exec", "--interactive", *options, self.container, *limited],
            input=input if input is not None else "",
            output_limit=_MAX_OUTPUT_BYTES,
            concurrency=concurrency,
        )
        if timeout and done.returncode == _TIMEOUT_CODE:
            raise TimeoutError(f"no end after {timeout} s")
        return done

    async def write_file(self, file: str, contents: str | bytes) -> None:
        """Write a file, and the folders above it."""
        script = 'mkdir -p "$(dirname "$1")" && cat > "$1"'
        done = await self.exec(["sh", "-c", script, "sh", file], input=contents)
        if not done.success:
            kind = IsADirectoryError if "s a directory" in done.stderr else PermissionError
            raise kind(f"{file}: {done.stderr.strip()}")

    @overload
    async def read_file(self, file: str, text: Literal[True] = True) -> str: ...  # noqa: FBT002

    @overload
    async def read_file(self, file: str, text: Literal[False]) -> bytes: ...

    async def read_file(self, file: str, text: bool = True) -> str | bytes:  # noqa: FBT001, FBT002
        """Read a file."""
        path = str(PurePosixPath(WORKDIR) / file)
        done = await subprocess(
            [self.docker, "exec", self.container, "cat", path],
            text=False,
            output_limit=_MAX_FILE_BYTES + 1,
        )
        if not done.success:
            missing = b"No such file" in done.stderr
            raise (FileNotFoundError if missing else PermissionError)(file)
        if len(done.stdout) > _MAX_FILE_BYTES:
            raise OutputLimitExceededError(f"{_MAX_FILE_BYTES >> 20} MiB", None)
        content: bytes = done.stdout
        return content.decode() if text else content


@atexit.register
def _remove_living() -> None:
    """Remove what is left of samples that ended before they could clean up."""
    for docker, container in _living:
        command = [docker, "rm", "--force", "--volumes", container]
        run(command, stdout=DEVNULL, stderr=DEVNULL, check=False)
