from collections.abc import Collection
from datetime import UTC, datetime

import pytest

from curate.builders.engine import buildkit
from curate.builders.errors import DiskFullError, EngineUnavailableError, SandboxError
from curate.builders.lock.build_failures import drop_unbuildable, parse_parents
from curate.builders.model import Failure, RequirementsLock
from curate.builders.process.run import LOG_TAIL
from curate.builders.requirements import Manifest, Requirement

TEXT = """\
Mpi4Py==3.1.4
    # via unidist
numpy==1.24.3
    # via
    #   -r requirements.in
    #   mpi4py
    #   unidist
unidist==0.2.1
    # via -r requirements.in
"""
LOCK = RequirementsLock(text=TEXT, python="3.10", exclude_newer=datetime(2023, 1, 1, tzinfo=UTC))
LOG = (
    "#7 1.0 + pip\n#7 9.1   × Failed to build\n#7 9.1   │ `mpi4py==3.1.4`\n#7 9.2   ├─▶ no mpicc\n"
)


def manifest(*names: str, core: Collection[str] = ()) -> Manifest:
    items = (
        Requirement(line=name, name=name, origin="r.txt", is_core=name in core) for name in names
    )
    return Manifest(requirements=tuple(items))


def failure(log: str) -> Failure:
    return Failure(stage="build", reason="environment-failed", detail=log)


def test_parents_are_read_from_the_comments() -> None:
    assert parse_parents(TEXT) == {"mpi4py": ["unidist"], "numpy": ["mpi4py", "unidist"]}


def test_the_optional_requirement_that_brings_the_package_is_dropped() -> None:
    found = drop_unbuildable(failure(LOG), manifest("numpy", "unidist"), LOCK)
    assert found is not None
    assert [item.name for item in found.manifest.requirements] == ["numpy"]
    assert found.sentence == "dropped unidist: mpi4py 3.1.4 does not build"


def test_all_that_ask_for_it_are_dropped() -> None:
    found = drop_unbuildable(
        failure("Failed to build `numpy==1.24.3`"), manifest("numpy", "unidist", "x"), LOCK
    )
    assert found is not None
    assert [item.name for item in found.manifest.requirements] == ["x"]


@pytest.mark.parametrize(
    ("log", "names", "core"),
    [
        (LOG, ("unidist",), ("unidist",)),
        ("Failed to build `other==1`", ("unidist",), ()),
        ("apt-get failed", ("unidist",), ()),
    ],
)
def test_no_answer_where_it_is_needed_unknown_or_another_failure(
    log: str, names: tuple[str, ...], core: tuple[str, ...]
) -> None:
    assert drop_unbuildable(failure(log), manifest(*names, core=core), LOCK) is None


def test_the_package_is_named_however_long_its_own_log() -> None:
    log = LOG + "#7 9.3 noise\n" * 2000 + "#7 ERROR: exit code: 1\n"
    told = buildkit.classify_build_failure(log)
    assert len(told.detail) < LOG_TAIL + 1000
    assert drop_unbuildable(told, manifest("unidist"), LOCK)
    assert (
        "Failed" not in buildkit.classify_build_failure("noise\n" * 2000 + "exit code: 1\n").detail
    )


def test_an_engine_that_hangs_up_is_no_build_that_fails() -> None:
    with pytest.raises(EngineUnavailableError):
        buildkit.classify_build_failure(
            "#5 ERROR: rpc error: code = Unavailable desc = transport is closing"
        )
    printed = "#5 1.2 exit code: 1 did not complete successfully\n"
    for own in (
        "rpc error: code = Canceled desc = context canceled",
        "error reading: unexpected EOF",
    ):
        with pytest.raises(EngineUnavailableError):
            buildkit.classify_build_failure(f"{printed}ERROR: failed to solve: {own}")
    log = "rpc error: code = Unavailable\nexit code: 1"
    assert buildkit.classify_build_failure(log).reason == "build-command-failed"


RAN = "executor failed running [/bin/sh -c ./install]"
SOLVED = 'ERROR: failed to solve: process "/bin/sh -c x" did not complete successfully'


@pytest.mark.parametrize(
    "log",
    [
        f"{RAN}: exit code: 1\n",
        f"{SOLVED}: exit code: 127\n\nView build details: docker-desktop://x\n",
        'Error: building at STEP "RUN x": while running runtime: exit status 2',
    ],
)
def test_a_command_that_ended_by_itself_is_a_failure(log: str) -> None:
    assert buildkit.classify_build_failure(log).reason == "build-command-failed"


@pytest.mark.parametrize(
    ("log", "error"),
    [
        (f"#7 3.1 exit code: 1\nnoise\nnoise\n{RAN}: could not find bridge docker0", SandboxError),
        (f"{RAN}: exit code: 137", SandboxError),
        (f"{SOLVED}: exit code: 137", SandboxError),
        ("failed to compute cache key: /x not found", SandboxError),
        ("", SandboxError),
        (f"#7 1.2 No space left on device\n{RAN}: exit code: 1", SandboxError),
        ("write /var/lib: no space left on device", DiskFullError),
        ("Cannot connect to the Docker daemon at unix:///x.sock", EngineUnavailableError),
    ],
)
def test_what_the_engine_could_not_do_says_nothing_of_the_candidate(
    log: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        buildkit.classify_build_failure(log)


def test_a_build_that_blames_no_command_is_no_verdict() -> None:
    for log in ("", "#5 1.2 exit code: 1\n#5 2.0 on and on\n"):
        with pytest.raises(SandboxError):
            buildkit.classify_build_failure(log)
    with pytest.raises(SandboxError, match="disk full"):
        buildkit.classify_build_failure(
            "#5 1.2 cc: No space left on device\n#5 ERROR: exit code: 1"
        )
    with pytest.raises(DiskFullError):
        buildkit.classify_build_failure(
            "#5 1.2 exit code: 1\nERROR: write /x: no space left on device"
        )
