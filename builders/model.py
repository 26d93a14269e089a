"""What crosses the border of this package: specifications in, records of work out.

A command that fails is a value (`Failure`, or a `RunResult` that says so); a sandbox, an engine or
a disk that fails is an exception (`builders.errors`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path


class Outcome(StrEnum):
    """What one test did in one run; MISSING is a test that other runs know and this one lacks."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"
    XFAILED = "xfailed"
    XPASSED = "xpassed"
    MISSING = "missing"


class RunStatus(StrEnum):
    """How a run ended. Only COMPLETED and CRASHED carry outcomes that may be judged."""

    COMPLETED = "completed"  # the test session ended by itself and said so
    CRASHED = "crashed"  # the test process died before its session ended
    TIMEOUT = "timeout"  # stopped from outside at the time limit
    OUT_OF_MEMORY = "out-of-memory"  # the kernel killed something of it
    OUT_OF_DISK = "out-of-disk"  # stopped from outside for what it wrote
    PATCH_FAILED = "patch-failed"  # a patch did not apply; nothing was run
    TAMPERED = "tampered"  # the report was forged, cut or removed


@dataclass(frozen=True, kw_only=True)
class RequirementsLock:
    """Resolved dependencies as of a date: the whole text uv printed and what it took to get it."""

    text: str  # requirements.txt form, one pinned distribution a line
    python: str  # "3.11"
    exclude_newer: datetime  # nothing uploaded later was considered
    adjustments: tuple[str, ...] = ()  # one sentence per departure from the declared requirements
    seconds: float = 0.0
    commit: str = ""  # base commit it was first made for; later ones share environment and tree

    @property
    def packages(self) -> tuple[str, ...]:
        """Pinned distributions (`name==version`), without comments and hashes."""
        lines = (line.strip() for line in self.text.splitlines())
        return tuple(line.split(" ")[0] for line in lines if line and line[0] not in "#-")


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A step that did not work, as a value: which one, why in one sentence, and the evidence."""

    stage: str  # "lock", "build", "install", "collect", ...
    reason: str  # short and countable, e.g. "unsatisfiable"
    detail: str = ""  # end of the log, at most a few kB


@dataclass(frozen=True, kw_only=True)
class InstanceSpec:
    """Everything that decides the content of an instance's environment and checkout."""

    name: str  # instance id, e.g. "getmoto__moto-4848"
    repo: str  # "owner/name"
    mirror: Path  # bare repository that holds base_commit
    base_commit: str
    date: datetime  # date the environment is made for (the pull's)
    python: str  # "3.8"
    lock: RequirementsLock
    system_packages: tuple[str, ...] = ()
    install: tuple[
        str, ...
    ] = ()  # shell commands run in the checkout; "{editable}" is the install of the era, as is ()
    import_name: str = ""  # import package that must come from the checkout after the install
    version: str = ""  # version the checkout pretends to have (SETUPTOOLS_SCM_PRETEND_VERSION)
    submodules: Mapping[str, Path] = field(default_factory=dict)  # path in tree -> bare repository
    env_vars: Mapping[str, str] = field(default_factory=dict)  # variables at install and run time
    checkout_layer_commit: str = (
        ""  # ancestor whose files lie in a layer shared with neighbours; "" = none
    )
    moved_submodules: Mapping[str, tuple[str, str]] = field(
        default_factory=dict
    )  # submodule -> its commits at tree_commit and at base_commit, where these differ


@dataclass(frozen=True, kw_only=True)
class BuiltInstance:
    """An environment and checkout that a backend can run tests in."""

    name: str
    backend: str  # "docker" | "local"
    handle: str  # image reference, or the folder of a local build
    environment_key: str  # hash of python, lock and system packages
    digest: str = ""  # image id (sha256:...)
    dockerfiles: Mapping[str, str] = field(default_factory=dict)  # layer name -> text
    layer_bytes: Mapping[str, int] = field(
        default_factory=dict
    )  # "base", "environment", "checkout", "instance"
    seconds: float = 0.0
    environment_seconds: float = 0.0  # 0 when the environment was there already


@dataclass(frozen=True, kw_only=True)
class ResourceLimits:
    """Ceilings of one run. Bytes are bytes, times are seconds."""

    seconds: float = 1800.0
    memory_bytes: int = 4 << 30
    cpus: float = 1.0
    pids: int = 1024
    tmp_bytes: int = 2 << 30
    shm_bytes: int = 256 << 20
    disk_bytes: int = 16 << 30  # what is written outside of /tmp and /dev/shm; containers only
    output_bytes: int = 4 << 20


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """One run to be made: patches, then a test command, in a fresh sandbox without network."""

    command: str  # shell command, run in the checkout; the pytest plugin is injected around it
    patches: tuple[bytes, ...] = ()  # applied in this order with `git apply`
    env_vars: Mapping[str, str] = field(default_factory=dict)
    limits: ResourceLimits = field(default_factory=ResourceLimits)


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What one execution gave: outcomes by exact test id, how it ended, and what it cost."""

    status: RunStatus
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    exit_code: int | None = None
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    output: bytes = b""  # head and tail, at most Limits.output_bytes
    detail: str = ""  # one sentence where the status needs it
    was_interrupted: bool = (
        False  # the container ended before its script: by the tests, or from outside
    )
