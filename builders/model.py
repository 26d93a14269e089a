"""Data model of the builders: specifications as input, results as output.

A failing command is a value (`Failure`, or a `RunResult` with that status). A failing sandbox,
engine or disk is an exception (`curate.builders.errors`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

# User ("uid:gid") and variables of tests in a container, in validation as in evaluation.
CONTAINER_USER = "1000:1000"
CONTAINER_ENV: Mapping[str, str] = {"HOME": "/tmp", "USER": "curate", "LOGNAME": "curate"}


class Outcome(StrEnum):
    """Outcome of one test in one run; MISSING means that only other runs report the test."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"
    XFAILED = "xfailed"
    XPASSED = "xpassed"
    MISSING = "missing"


class RunStatus(StrEnum):
    """How a run ended; only the outcomes of COMPLETED and CRASHED runs count for a verdict."""

    COMPLETED = "completed"  # the test session finished and its report is complete
    CRASHED = "crashed"  # the test process died before its session finished
    TIMEOUT = "timeout"  # stopped at the time limit
    OUT_OF_MEMORY = "out-of-memory"  # the run reached its own limit; the kernel killed a process
    OUT_OF_PIDS = "out-of-pids"  # the run reached its own limit of processes and threads
    OUT_OF_DISK = "out-of-disk"  # stopped for exceeding the disk limit
    PATCH_FAILED = "patch-failed"  # a patch did not apply; no test was run
    TAMPERED = "tampered"  # the report was forged, truncated or removed


@dataclass(frozen=True, kw_only=True)
class SdistArchive:
    """A source distribution in an archive format that uv does not read, as the index has it."""

    name: str  # normalized
    version: str
    filename: str  # "Twisted-19.2.1.tar.bz2"
    url: str  # without credentials
    sha256: str
    uploaded: datetime
    requires_python: str = ""


@dataclass(frozen=True, kw_only=True)
class RequirementsLock:
    """Dependencies resolved as of a date: uv's output, and the adjustments that it needed."""

    text: str  # in requirements.txt format, one pinned distribution per line
    python: str  # "3.11"
    exclude_newer: datetime  # files uploaded later were not considered
    adjustments: tuple[str, ...] = ()  # one sentence per change to the declared requirements
    seconds: float = 0.0
    newer: tuple[str, ...] = ()  # names of pinned distributions that had to be uploaded later
    # name==version of the packages without a suitable wheel -> upload time of their sdist
    sdists: Mapping[str, datetime] = field(default_factory=dict)
    archives: tuple[SdistArchive, ...] = ()  # sdists that are repacked before the install

    @property
    def packages(self) -> tuple[str, ...]:
        """The pinned distributions (`name==version`), without comments and hashes."""
        lines = (line.strip() for line in self.text.splitlines())
        return tuple(line.split(" ")[0] for line in lines if line and line[0] not in "#-")

    @property
    def names(self) -> frozenset[str]:
        """The names of the pinned distributions."""
        return frozenset(package.partition("==")[0] for package in self.packages)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A failed step as a value: its stage, a reason code, and the log as evidence."""

    stage: str  # "lock", "build", "install", "collect", ...
    reason: str  # short code that can be counted, e.g. "unsatisfiable"
    detail: str = ""  # end of the log, at most a few kB
    log: str = field(default="", compare=False)  # all of it; "" if there is no more than the detail


@dataclass(frozen=True, kw_only=True)
class InstanceSpec:
    """Everything that determines the content of an instance's environment and checkout."""

    name: str  # instance id, e.g. "getmoto__moto-4848"
    repo: str  # "owner/name"
    mirror: Path  # bare repository that contains base_commit
    base_commit: str
    date: datetime  # date that the environment is built for (that of the pull request)
    python: str  # "3.8"
    lock: RequirementsLock
    system_packages: tuple[str, ...] = ()
    # Shell commands run in the checkout. "{editable}" stands for the editable install with the
    # tools of `date`; () is the same as ("{editable}",).
    install: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()  # folders that the editable install is for; () = the root
    import_name: str = ""  # package that must be imported from the checkout after the install
    version: str = ""  # value of SETUPTOOLS_SCM_PRETEND_VERSION during the install
    submodules: Mapping[str, Path] = field(default_factory=dict)  # path in repo -> bare repository
    env_vars: Mapping[str, str] = field(default_factory=dict)  # set at install and at run time
    # Ancestor whose files are in a checkout layer that nearby instances share; "" = no such layer.
    checkout_layer_commit: str = ""
    # submodule path -> (commit at checkout_layer_commit, commit at base_commit), where they differ
    moved_submodules: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class BuiltInstance:
    """An environment with a checkout, in which a backend can run tests."""

    name: str
    backend: str  # "docker" | "podman" | "apptainer" | "local"
    handle: str  # image reference, SIF file, or the folder of a local build
    environment_key: str  # hash of Python version, lock and system packages
    digest: str = ""  # image id (sha256:...)
    dockerfiles: Mapping[str, str] = field(default_factory=dict)  # layer name -> text
    build_files: Mapping[str, str] = field(default_factory=dict)  # what their steps read, by name
    # Layer name ("base", "environment", "checkout", "instance", ...) -> size
    layer_bytes: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    environment_seconds: float = 0.0  # 0 if the environment existed already
    # One sentence per package that was not built with the tools of its own date
    build_notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ResourceLimits:
    """Resource limits of one run, in seconds and bytes."""

    seconds: float = 480.0
    test_seconds: float = 60.0  # of each phase (setup, call, teardown) of a test; 0 = no limit
    memory_bytes: int = 4 << 30
    cpus: float = 2.0  # at most those of the machine
    pids: int = 1024
    tmp_bytes: int = 2 << 30
    shm_bytes: int = 256 << 20
    disk_bytes: int = 16 << 30  # written outside of /tmp and /dev/shm; containers only
    output_bytes: int = 4 << 20


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """A script that prepares the checkout before a run, and the files that it reads.

    It is run as `python -I SCRIPT INPUTS OUTPUTS [INSTALLED]` (Python 3.6 or later) in the
    checkout, which was at INSTALLED when it was installed, if elsewhere. It may end with 0, or with
    90 + n if a patch does not apply; its report is the file OUTPUTS/prepared, `<hex hmac> <text>`
    with the key of the run.
    """

    script: str
    files: Mapping[str, bytes] = field(default_factory=dict)  # name in INPUTS -> content


@dataclass(frozen=True, kw_only=True)
class RunVariant:
    """A session with other contents of some files, and its part of the tests."""

    files: Mapping[str, str]  # path in the checkout -> text
    tests: tuple[str, ...] = ()  # node ids; () = all that the command selects


@dataclass(frozen=True, kw_only=True)
class VariantResult:
    """What a session of a run with variants found."""

    outcomes: Mapping[str, Outcome]
    is_complete: bool  # the session ended by itself


@dataclass(frozen=True, kw_only=True)
class RunScope:
    """A part of a run's tests, and what to record of it; of several processes, only the first."""

    tests: tuple[str, ...] = ()  # node ids; () = all that the command selects
    stop_at_failure: bool = False
    traced: tuple[str, ...] = ()  # Python files whose executed lines are recorded for each test
    variants: tuple[RunVariant, ...] = ()  # sessions of their own; () = one, of `tests`
    variant_seconds: float = 60.0  # time limit of each
    preload: tuple[str, ...] = ()  # modules that are imported once for all variants


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """Specification of one run: patches, then a test command, in a new sandbox without network."""

    command: str  # shell command, run in the checkout with the pytest plugin injected
    patches: tuple[bytes, ...] = ()  # applied in this order with `git apply`
    preparation: Preparation | None = None  # after the patches
    env_vars: Mapping[str, str] = field(default_factory=dict)
    limits: ResourceLimits = field(default_factory=ResourceLimits)
    stop_at_timeout: bool = False  # the first test that exceeds its time ends the session
    record: str = ""  # "run" = record which tests open which files; "collect" = and run no test
    scope: RunScope | None = None  # None = all tests, without tracing


@dataclass(frozen=True, kw_only=True)
class CollectedTest:
    """A test that pytest collected."""

    argument: str  # selects it on the command line, in the checkout: a path, "::" and a name
    values: tuple[str, ...] = ()  # texts among its parameters
    is_stable: bool = True  # whether other runs collect it, too


@dataclass(frozen=True, kw_only=True)
class Recording:
    """The tests of a run in their order, and which files and folders were opened or listed."""

    tests: tuple[CollectedTest, ...]
    # Argument of a test, or id of what was collected -> paths relative to the checkout
    opened: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """Result of one run: outcomes by pytest node id, how it ended, and the resources it used."""

    status: RunStatus
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    exit_code: int | None = None
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    output: bytes = b""  # head and tail, at most ResourceLimits.output_bytes
    detail: str = ""  # explains the status in one sentence, where it needs one
    slowest_test_seconds: float = 0.0  # longest phase of a test that stayed within its time
    # The container ended before its script did: stopped by the tests, or from outside.
    was_interrupted: bool = False
    recording: Recording | None = None  # of a run with `RunSpec.record`
    prepared: str = ""  # report of the preparation; "" if there is none
    # Node id -> path -> executed lines, of a run with `RunScope.traced`; "." = during imports.
    executed: Mapping[str, Mapping[str, tuple[int, ...]]] = field(default_factory=dict)
    modules: tuple[str, ...] = ()  # beside it: imported packages that are not of the project
    variants: tuple[VariantResult, ...] = ()  # of `RunScope.variants`, in their order
