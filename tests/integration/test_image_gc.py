"""A disk budget on a real engine: what goes, and that the bytes are free then."""

import secrets
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from curate.builders.backends.docker import DockerBackend
from curate.builders.errors import DiskFullError
from curate.builders.image_gc.build_cache import read_records
from curate.builders.image_gc.collect import OTHER_PROCESS_GRACE
from curate.builders.model import BuiltInstance, Failure, InstanceSpec
from curate.builders.settings import BuildSettings
from tests.integration.test_images import settings, spec  # noqa: F401
from tests.integration.test_shared_environments import forget, tags

pytestmark = pytest.mark.xdist_group("builds")


@pytest.fixture(scope="module")
def machine(
    settings: BuildSettings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BuildSettings]:
    """Settings with a namespace of their own, as on a machine of one's own."""
    space = f"curate-test-{secrets.token_hex(4)}"
    own = replace(settings, image_namespace=space, cache_dir=tmp_path_factory.mktemp("cache"))
    yield own
    forget(DockerBackend(own))


@pytest.fixture
def kept() -> set[str]:
    """Digests of images that must stay."""
    return set()


@pytest.fixture
def backend(
    machine: BuildSettings, kept: set[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[DockerBackend]:
    """Counts and removes no cache of packages, which is everybody's here."""
    monkeypatch.setattr(
        "curate.builders.image_gc.collect.package_cache_records", lambda records: ()
    )
    backend = DockerBackend(machine, protected_images=lambda: kept)
    yield backend
    for tag in tags(backend):
        if tag.split("/")[1].startswith(("env:", "instance:")):
            backend.engine.images.remove(tag, noprune=True)


def build(backend: DockerBackend, spec: InstanceSpec, number: int) -> BuiltInstance:
    """An environment of its own, and an instance upon it."""
    lock = replace(spec.lock, text=f"six==1.{number}.0\n")
    built = backend.build_instance(replace(spec, name=f"owner__thing-{number}", lock=lock))
    assert isinstance(built, BuiltInstance), built
    return built


def release(backend: DockerBackend, *numbers: int) -> None:
    for number in numbers:
        backend.release_instance(f"owner__thing-{number}")


def here(backend: DockerBackend) -> list[int]:
    """Numbers of the instances whose images are there."""
    names = [tag for tag in tags(backend) if "/instance:" in tag]
    return sorted(int(tag.split("owner__thing-")[1].split("-")[0]) for tag in names)


def test_the_least_recently_used_goes_and_what_is_held_or_kept_stays(
    backend: DockerBackend, spec: InstanceSpec, kept: set[str]
) -> None:
    eleven, twelve, thirteen = (build(backend, spec, number) for number in (11, 12, 13))
    release(backend, 12, 11, 13)
    names = backend.layer_names(spec_of(spec, 12))
    assert not isinstance(names, Failure)
    backend.environment_leases.acquire("another", names["environment"])
    room = backend.image_gc
    plan = room.free_space(0, dry_run=True)
    assert [each.instance_count for each in plan.environments] == [1, 1]
    assert here(backend) == [11, 12, 13]
    kept.add(thirteen.digest)
    done = room.free_space(room.measure_usage().image_bytes - 1)
    assert done.freed_bytes > 0
    assert here(backend) == [12, 13]
    backend.environment_leases.release("another")
    kept.clear()
    kept.add(twelve.digest)
    room.free_space(0)
    assert here(backend) == [12]
    left = backend.image_gc.measure_usage()
    assert left.unused_build_cache == 0
    assert build(backend, spec, 11).environment_key == eleven.environment_key


def spec_of(spec: InstanceSpec, number: int) -> InstanceSpec:
    return replace(spec, lock=replace(spec.lock, text=f"six==1.{number}.0\n"))


def test_nothing_of_the_build_cache_keeps_the_layers_of_what_went(
    backend: DockerBackend, spec: InstanceSpec
) -> None:
    began = datetime.now(UTC).isoformat()
    build(backend, spec, 14)
    release(backend, 14)
    records = read_records(backend.engine)
    made = {each.id for each in records if each.created_at > began and each.is_shared and each.size}
    assert made
    backend.image_gc.free_space(0)
    assert here(backend) == []
    left = [each for each in read_records(backend.engine) if each.id in made]
    assert len(left) < len(made)
    assert all(each.is_shared for each in left)  # by images that others made meanwhile


def test_a_budget_is_kept_while_building(backend: DockerBackend, spec: InstanceSpec) -> None:
    build(backend, spec, 15)
    release(backend, 15)
    small = backend.image_gc.measure_usage().image_bytes + 1000
    backend.settings = backend.image_gc.settings = replace(
        backend.settings, image_disk_limit_bytes=small
    )
    build(backend, spec, 16)
    assert here(backend) == [16]


def test_a_full_disk_is_given_room_once(
    backend: DockerBackend, spec: InstanceSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(backend, spec, 14)
    release(backend, 14)
    calls = []

    def full(folder: Path, reserve: int, *, fraction: float = 1.0) -> None:
        calls.append(len(here(backend)))
        if here(backend):
            raise DiskFullError("full", missing_bytes=1 << 40)

    monkeypatch.setattr("curate.builders.images.build_queue.check_free_space", full)
    with pytest.raises(DiskFullError):
        build(backend, spec, 15)
    backend.settings = backend.image_gc.settings = replace(
        backend.settings, image_disk_limit_bytes=1 << 50
    )
    build(backend, spec, 15)
    assert here(backend) == [15]


def test_what_another_cache_folder_knows_of_is_left_alone_for_a_day(
    backend: DockerBackend,
    spec: InstanceSpec,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    build(backend, spec, 14)
    release(backend, 14)
    elsewhere = DockerBackend(replace(backend.settings, cache_dir=tmp_path / "elsewhere"))
    assert elsewhere.image_gc.free_space(0, dry_run=True).environments == ()
    now = time.time()
    monkeypatch.setattr(
        "curate.builders.image_gc.collect.time.time", lambda: now + OTHER_PROCESS_GRACE
    )
    assert len(elsewhere.image_gc.free_space(0, dry_run=True).environments) == 1
