"""An engine whose disk is small: builds and runs that fill it, by bytes or by files."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from docker.errors import DockerException

from curate.builders.engine.buildkit import BuildRequest, find_build_client, run_build
from curate.builders.errors import DiskFullError, SandboxError
from curate.builders.images.build_queue import BuildQueue, BuildSlot
from curate.builders.model import BuiltInstance, ResourceLimits, RunResult, RunSpec
from curate.builders.process.free_space import free_bytes, free_inode_fraction
from curate.builders.sandbox.docker import ContainerOptions, run_in_container
from tests.helpers.fakes import not_none
from tests.helpers.loop_filesystem import MountError, loop_filesystem
from tests.helpers.private_engine import PrivateEngine, available

WriteImage = Callable[[BuildSlot, str, int], str]


pytestmark = [
    pytest.mark.xdist_group("containers"),
    pytest.mark.skipif(not available(), reason="an engine of its own needs root, dockerd and ip"),
]

FILES = "mkdir -p d; i=0; while :; do : > d/$((i++)) || sleep 600; done"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateEngine]:
    """An engine on a file system of 700 MB and 40,000 inodes that has the base image."""
    try:
        with (
            loop_filesystem(tmp_path_factory.mktemp("engine"), 700, 40_000) as place,
            PrivateEngine(place) as engine,
        ):
            engine.load(os.environ["CURATE_BASE_IMAGE"])
            yield engine
    except MountError:
        pytest.skip("no right to mount")


def run(engine: PrivateEngine, command: str, **limits: int) -> RunResult:
    image = os.environ["CURATE_BASE_IMAGE"]
    built = BuiltInstance(name="t", backend="docker", handle=image, environment_key="k")
    execution = RunSpec(command=command, limits=ResourceLimits(seconds=120, **limits))
    options = ContainerOptions(checkout="/curate/out", disk=engine.folder / "data")
    return run_in_container(engine.client, built, execution, options)


def test_a_run_that_uses_up_the_inodes_is_ended_in_time(engine: PrivateEngine) -> None:
    with pytest.raises(SandboxError, match="inodes"):
        run(engine, FILES)
    assert engine.client.containers.list(all=True) == []
    assert free_inode_fraction(engine.folder / "data") > 0.1
    assert run(engine, "true").exit_code == 0


@pytest.fixture
def write(
    engine: PrivateEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WriteImage]:
    """Builds an image that writes that many MiB, and keeps what it wrote."""
    monkeypatch.setenv("DOCKER_HOST", engine.host)
    monkeypatch.setattr("curate.builders.process.run.WATCH_INTERVAL", 0.2)
    client = find_build_client(os.environ.get("CURATE_DOCKER_CLI", ""))

    def write(turn: BuildSlot, tag: str, mib: int) -> str:
        place = tmp_path / f"{tag.replace(':', '-')}-{time.monotonic_ns()}"
        (place / "context").mkdir(parents=True)
        name = tag.partition(":")[0]
        turn.start_step()
        failure = run_build(
            client,
            BuildRequest(
                dockerfile=f"FROM {os.environ['CURATE_BASE_IMAGE']}\n"
                f"RUN for i in $(seq {mib // 2}); do head -c 2M /dev/urandom >> /{name}"
                " && sleep 0.01; done\n",
                context=place / "context",
                temp_dir=place,
                tag=tag,
            ),
            turn.check_space,
        )
        assert failure is None
        return tag

    forget(engine)
    yield write
    forget(engine)


def forget(engine: PrivateEngine) -> None:
    """Remove all images but the base, and what builds have left."""
    for image in engine.client.images.list():
        if image.tags != [os.environ["CURATE_BASE_IMAGE"]]:
            engine.client.images.remove(not_none(image.id), force=True)
    engine.client.api.prune_builds(all=True)


def mib(folder: Path) -> int:
    return free_bytes(folder) >> 20


def test_a_build_is_stopped_before_the_disk_is_full_and_gives_back_what_it_took(
    engine: PrivateEngine, write: WriteImage
) -> None:
    data = engine.folder / "data"
    free = mib(data)
    least = [free]
    turns = BuildQueue(free << 19)  # half of it

    def build(turn: BuildSlot) -> str:
        watch = turn.check_space

        def watched() -> None:
            least.append(mib(data))
            watch()

        turn.check_space = watched  # type: ignore[method-assign]
        return write(turn, "much:1", 10 * free)

    with pytest.raises(DiskFullError, match="reserved"):
        turns.run_build(data, build)
    assert free / 8 < min(least) <= free / 4
    assert engine.client.images.list("much") == []
    deadline = time.monotonic() + 30
    while mib(data) < 0.95 * free and time.monotonic() < deadline:
        time.sleep(0.2)
    assert mib(data) >= 0.95 * free


def test_two_builds_too_large_for_the_disk_together_are_made_one_after_the_other(
    engine: PrivateEngine, write: WriteImage
) -> None:
    data = engine.folder / "data"
    free = mib(data)
    turns = BuildQueue(int(0.3 * free) << 20)
    part = int(0.45 * free)
    begun = threading.Event()
    told = []

    def older(turn: BuildSlot) -> str:
        begun.set()
        made = write(turn, "older:1", part)
        told.append("older ended")
        return made

    def make_room(missing: int) -> bool:
        told.append("room made")
        engine.client.images.remove("older:1")
        engine.client.api.prune_builds(all=True)
        return True

    def younger(turn: BuildSlot) -> str:
        told.append("younger begun")
        return write(turn, "younger:1", part)

    with ThreadPoolExecutor() as pool:
        first = pool.submit(turns.run_build, data, older)
        assert begun.wait(10)
        second = pool.submit(turns.run_build, data, younger, make_room)
        assert first.result(120) == "older:1"
        assert second.result(240) == "younger:1"
    assert told[:2] == ["younger begun", "older ended"]
    assert "room made" in told
    assert [image.tags for image in engine.client.images.list("younger")] == [["younger:1"]]


# Last, for an engine whose disk was really full does not get all of it back.
@pytest.mark.parametrize(
    ("dockerfile", "kind"),
    [
        ("FROM {base}\nRUN head -c 1G /dev/zero > /big\n", SandboxError),
        ("FROM {base}\nCOPY . /big\n", DiskFullError),
    ],
    ids=["by a command", "by the engine"],
)
def test_a_build_that_fills_the_disk_is_no_verdict(
    engine: PrivateEngine,
    dockerfile: str,
    kind: type[Exception],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKER_HOST", engine.host)
    context = tmp_path / "context"
    context.mkdir()
    if "COPY" in dockerfile:
        (context / "big").touch()
        os.truncate(context / "big", 1 << 30)
    with pytest.raises(kind):
        run_build(
            find_build_client(os.environ.get("CURATE_DOCKER_CLI", "")),
            BuildRequest(
                dockerfile=dockerfile.format(base=os.environ["CURATE_BASE_IMAGE"]),
                context=context,
                temp_dir=tmp_path,
                tag="full:1",
            ),
        )
    try:
        assert engine.client.images.list("full") == []
    except DockerException as error:
        pytest.fail(str(error))
