"""What goes when images and build cache take more than their budget; nothing real is touched."""

import os
import threading
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from curate.builders.backends.docker import DockerBackend
from curate.builders.engine.pull_notes import forget_pulled, note_pulled, read_pulled
from curate.builders.image_gc.build_cache import (
    CacheRecord,
    package_cache_records,
    parse_record,
    unused_build_records,
)
from curate.builders.image_gc.collect import DiskUsage, PruningPlan, plan_pruning
from curate.builders.image_gc.inventory import (
    EngineImage,
    compute_own_sizes,
    find_environments,
    parse_image,
)
from curate.builders.image_gc.last_used import EnvironmentLeases
from curate.builders.image_gc.pulled import find_pulled
from curate.builders.settings import BuildSettings

SPACE = "curate"


def image(
    name: str, layers: Iterable[str], size: int, *others: str, made: float = 1.0
) -> EngineImage:
    """An image of curate's called *name*, or, called with a "/", somebody else's."""
    own = () if "/" in name else (f"{SPACE}/{name}",)
    others = (name, *others) if "/" in name else others
    return EngineImage(
        id=name, own_names=own, other_names=others, layers=tuple(layers), size=size, created_at=made
    )


IMAGES = (
    image("user/debian:1", "a", 100),
    image("base:1", "ab", 500),
    image("python:1", "abc", 600),
    image("env:1", "abcd", 700),
    image("checkout:1", "abcde", 720),
    image("instance:x-1", "abcdef", 725),
    image("instance:y-1", "abcdeg", 731),
    image("env:2", "abch", 640),
    image("instance:z-2", "abchi", 650),
)


def test_every_image_adds_what_the_one_below_lacks() -> None:
    assert list(compute_own_sizes(IMAGES).values()) == [100, 400, 100, 100, 20, 5, 11, 40, 10]


def test_an_environment_goes_with_all_that_lies_upon_it_the_uppermost_first() -> None:
    first, second = find_environments(IMAGES)
    assert [each.id for each in first.images] == [
        "instance:x-1",
        "instance:y-1",
        "checkout:1",
        "env:1",
    ]
    assert (first.name, first.size, first.instance_count, first.is_removable) == (
        "curate/env:1",
        136,
        2,
        True,
    )
    assert (second.size, second.instance_count) == (50, 1)


TWO_PARTS = (
    *IMAGES,
    image("shared_packages:1", "abcp", 3600),
    image("shared_packages:2", "abcpq", 4100),
    image("env:3", "abcpr", 3700),
    image("env:4", "abcpqs", 4150),
    image("instance:v-1", "abcpqst", 4160),
)


def test_a_part_is_counted_by_itself_and_goes_after_what_lies_upon_it() -> None:
    found = {each.name.split("/")[1]: each for each in find_environments(TWO_PARTS)}
    assert [each.id for each in found["shared_packages:1"].images] == ["shared_packages:1"]
    assert (
        found["shared_packages:1"].size,
        found["shared_packages:2"].size,
        found["env:4"].size,
    ) == (3000, 500, 60)
    assert found["shared_packages:1"].dependent_names == (
        "curate/shared_packages:2",
        "curate/env:3",
        "curate/env:4",
    )
    used = DiskUsage(image_bytes=4346, unused_build_cache=0, package_cache=0)
    last = {
        "curate/env:3": 1.0,
        "curate/env:4": 2.0,
        "curate/shared_packages:1": 2.0,
        "curate/shared_packages:2": 2.0,
    }
    last |= {"curate/env:1": 3.0, "curate/env:2": 4.0}

    def gone(limit: int, busy: Collection[str] = ()) -> list[str]:
        return names(plan_pruning(used, limit, found.values(), last_use=last, in_use=busy))

    assert gone(4340) == ["3"]
    assert gone(4240) == ["3", "4"]
    assert gone(3700) == ["3", "4", "2"]
    assert gone(3600) == ["3", "4", "2", "1"]
    assert gone(0, busy=("curate/env:4",)) == ["3", "1", "2"]


def test_a_part_under_somebody_elses_image_stays() -> None:
    mine = image("user/mine:1", "abcpu", 3700)
    found = {each.name: each for each in find_environments((*TWO_PARTS, mine))}
    assert not found["curate/shared_packages:1"].is_removable
    assert found["curate/shared_packages:2"].is_removable


@pytest.mark.parametrize(
    "further",
    [
        image("user/mine:1", "abcdx", 800),
        image("instance:w-1", "abcdef", 725, "ghcr.io/lab/w:latest"),
    ],
)
def test_an_environment_under_somebody_elses_image_or_name_stays(further: EngineImage) -> None:
    first, second = find_environments((*IMAGES, further))
    assert (first.is_removable, second.is_removable) == (False, True)


def test_images_are_known_by_name_and_label_together() -> None:
    facts = {
        "Id": "sha256:1",
        "RepoTags": ["curate/env:k", "curate/env:other", "mine/env:k"],
        "Config": {"Labels": {"curate.key": "k"}},
        "RootFS": {"Layers": ["a"]},
        "Size": 5,
        "Created": "2026-11-21T22:15:41.261217278Z",
    }
    found = parse_image(facts, SPACE)
    assert (found.own_names, found.layer_kind) == (("curate/env:k",), "env")
    assert found.other_names == ("curate/env:other", "mine/env:k")
    inherited = facts | {"RepoTags": ["user/app:1"]}
    assert parse_image(inherited, SPACE).own_names == ()
    assert parse_image(facts | {"Config": {"Labels": None}}, SPACE).own_names == ()


def test_an_image_that_curate_pulled_goes_by_itself() -> None:
    first, second = "r/a@sha256:1", "r/b@sha256:2"
    images = (
        replace(image("1", "ab", 9), own_names=(), digests=(first,)),
        replace(image("mine/2", "c", 5), digests=(second,)),
        replace(image("3", "a", 4), own_names=(), digests=("r/c@sha256:3",)),
    )
    gone, tagged = find_pulled(images, {first, second})
    assert (gone.names, gone.size, gone.is_removable) == ((first,), 5, True)
    assert (tagged.names, tagged.is_removable) == ((second,), False)


def test_what_was_pulled_is_noted_until_it_is_forgotten(tmp_path: Path) -> None:
    place = tmp_path / "pulled/engine"
    assert read_pulled(place) == frozenset()
    for name in ("r/a@sha256:1", "r/b@sha256:2", "r/a@sha256:1"):
        note_pulled(place, name)
    assert read_pulled(place) == {"r/a@sha256:1", "r/b@sha256:2"}
    forget_pulled(place, "r/a@sha256:1")
    forget_pulled(place, "r/never@sha256:1")
    assert read_pulled(place) == {"r/b@sha256:2"}


FOUND = find_environments(IMAGES)
USED = DiskUsage(image_bytes=686, unused_build_cache=30, package_cache=20)


def names(plan: PruningPlan) -> list[str]:
    return [each.name.rsplit(":", 1)[1] for each in plan.environments]


def test_within_the_budget_only_leftovers_go() -> None:
    plan = plan_pruning(USED, 706, FOUND, last_use={}, in_use=())
    assert (names(plan), plan.prune_packages, plan.freed_bytes, plan.bytes_over_limit) == (
        [],
        False,
        30,
        0,
    )


def test_the_least_recently_used_go_first_and_no_more_than_need_be() -> None:
    last = {"curate/env:1": 20.0, "curate/env:2": 10.0}
    assert names(plan_pruning(USED, 700, FOUND, last_use=last, in_use=())) == ["2"]
    assert names(plan_pruning(USED, 600, FOUND, last_use=last, in_use=())) == ["2", "1"]
    last["curate/env:2"] = 30.0
    assert names(plan_pruning(USED, 700, FOUND, last_use=last, in_use=())) == ["1"]
    made = [replace(each, images=(image("env:9", "x", 1, made=5.0),)) for each in FOUND]
    assert names(plan_pruning(USED, 700, made, last_use={"curate/env:2": 4.0}, in_use=())) == ["2"]


def test_what_is_in_use_or_not_ours_alone_stays_and_the_rest_is_told() -> None:
    plan = plan_pruning(USED, 0, FOUND, last_use={}, in_use={"curate/env:1"})
    assert (names(plan), plan.prune_packages) == (["2"], True)
    assert plan.bytes_over_limit == 686 - 50
    theirs = [replace(each, is_removable=False) for each in FOUND]
    assert names(plan_pruning(USED, 0, theirs, last_use={}, in_use=())) == []


def test_packages_go_first_where_they_take_half_of_the_budget_and_last_else() -> None:
    many = replace(USED, package_cache=500)
    plan = plan_pruning(many, 700, FOUND, last_use={}, in_use=())
    assert (names(plan), plan.prune_packages, plan.freed_bytes) == ([], True, 530)
    assert plan_pruning(USED, 680, FOUND, last_use={}, in_use=()).prune_packages is False
    assert plan_pruning(USED, 510, FOUND, last_use={}, in_use=()).prune_packages is True


def record(
    name: str,
    parent: str = "",
    about: str = "",
    *,
    kind: str = "regular",
    shared: bool = False,
    made: str = "",
) -> CacheRecord:
    return CacheRecord(
        id=name, parents=(parent,) if parent else (), kind=kind, description=about, size=1,
        is_shared=shared, created_at=made or name,
    )  # fmt: skip


INSTALL = "mount / from exec /bin/sh -c . /mnt/build.env && /mnt/uv venv"


def test_steps_of_our_builds_are_told_from_those_of_others() -> None:
    records = [
        record("a", about="pulled from docker.io/library/debian:12"),
        record("b", "a", "mount / from exec /bin/sh -c apt-get install zip"),
        record("c", "b", INSTALL),
        record("d", "c", "fileop target"),
        record("e", "a", "mount / from exec /bin/sh -c make all"),
        record("f", "e", "fileop target"),
        record("g", "", INSTALL, kind="exec.cachemount"),
        record("h", "", "local source for context", kind="source.local"),
    ]
    assert [each.id for each in unused_build_records(records)] == ["d", "c", "b"]
    assert [each.id for each in package_cache_records(records)] == ["g"]
    # Upon the same step somebody else has built, too.
    assert [each.id for each in unused_build_records([*records, record("i", "b", "x")])] == [
        "d",
        "c",
    ]


def test_steps_that_an_image_has_are_no_leftovers() -> None:
    records = [record("a", about=INSTALL, shared=True), record("b", "a", "fileop target")]
    assert [each.id for each in unused_build_records(records)] == ["b"]


def test_records_of_old_and_new_engines_are_read() -> None:
    facts = {"ID": "a", "Type": "regular", "Size": 3, "Shared": True, "Parent": "b"}
    assert parse_record(facts).parents == ("b",)
    assert parse_record(facts | {"Parent": ""}).parents == ()
    assert parse_record(facts | {"Parents": ["b", "c"]}).parents == ("b", "c")


def test_what_is_used_cannot_be_had_alone_and_the_last_use_is_kept(tmp_path: Path) -> None:
    one, two = EnvironmentLeases(tmp_path / "uses"), EnvironmentLeases(tmp_path / "uses")
    assert one.last_use("e") == 0
    one.acquire("x", "e")
    one.acquire("y", "e")
    with two.try_exclusive("e") as alone:
        assert not alone
    one.release("x")
    with two.try_exclusive("e") as alone:
        assert not alone
    file = next((tmp_path / "uses").iterdir())
    os.utime(file, (5, 5))
    one.release("y")
    assert two.last_use("e") > 5
    with two.try_exclusive("e") as alone, two.try_exclusive("unknown") as unknown:
        assert alone
        assert unknown


def test_who_wants_to_use_what_is_being_removed_waits(tmp_path: Path) -> None:
    uses = EnvironmentLeases(tmp_path)
    uses.acquire("x", "e")
    uses.release("x")
    waiting = threading.Thread(target=uses.acquire, args=("x", "e"))
    with uses.try_exclusive("e") as alone:
        assert alone
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
    waiting.join(5)
    assert not waiting.is_alive()
    with uses.try_exclusive("e") as alone:
        assert not alone


@pytest.mark.parametrize(
    ("freed", "budget", "asked"), [(0, 0, []), (9, 1, [(1, 1)]), (10, 1, []), (9, 0, [])]
)
def test_images_go_when_what_resolving_left_does_not_do(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    freed: int,
    budget: int,
    asked: list[tuple[int, ...]],
) -> None:
    backend = DockerBackend(BuildSettings(cache_dir=tmp_path, image_disk_limit_bytes=budget))
    calls = []

    class FakeRoom:
        def free_space(self, limit: int, *, min_free: int) -> PruningPlan:
            calls.append((limit, min_free))
            return PruningPlan(freed_bytes=min_free)

    monkeypatch.setattr(
        "curate.builders.backends.docker.prune_uv_cache", lambda settings, folder: freed
    )
    backend.__dict__.update(layer_dir=tmp_path, image_gc=FakeRoom())
    assert backend.free_space(10) == (freed > 0 or bool(asked))
    assert calls == asked
