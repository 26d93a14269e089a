"""What goes when images and build cache take more than their budget; nothing real is touched."""

import os
import threading
from dataclasses import replace

import pytest

from builders.backends.docker import DockerBackend
from builders.image_gc.build_cache import Record, leftovers, packages, record_of
from builders.image_gc.collect import Going, Used, going
from builders.image_gc.inventory import Image, environments, image_of, own_sizes
from builders.image_gc.last_used import Uses
from builders.settings import BuildSettings

SPACE = "curate"


def image(name, layers, size, *others, made=1.0):
    """An image of curate's called *name*, or, called with a "/", somebody else's."""
    own = () if "/" in name else (f"{SPACE}/{name}",)
    others = (name, *others) if "/" in name else others
    return Image(id=name, own=own, others=others, layers=tuple(layers), size=size, made=made)


IMAGES = (
    image("user/debian:1", "a", 100),
    image("base:1", "ab", 500),
    image("python:1", "abc", 600),
    image("env:1", "abcd", 700),
    image("tree:1", "abcde", 720),
    image("instance:x-1", "abcdef", 725),
    image("instance:y-1", "abcdeg", 731),
    image("env:2", "abch", 640),
    image("instance:z-2", "abchi", 650),
)


def test_every_image_adds_what_the_one_below_lacks():
    assert list(own_sizes(IMAGES).values()) == [100, 400, 100, 100, 20, 5, 11, 40, 10]


def test_an_environment_goes_with_all_that_lies_upon_it_the_uppermost_first():
    first, second = environments(IMAGES)
    assert [each.id for each in first.images] == ["instance:x-1", "instance:y-1", "tree:1", "env:1"]
    assert (first.name, first.size, first.instances, first.free) == ("curate/env:1", 136, 2, True)
    assert (second.size, second.instances) == (50, 1)


TWO_PARTS = (
    *IMAGES,
    image("part:1", "abcp", 3600),
    image("part:2", "abcpq", 4100),
    image("env:3", "abcpr", 3700),
    image("env:4", "abcpqs", 4150),
    image("instance:v-1", "abcpqst", 4160),
)


def test_a_part_is_counted_by_itself_and_goes_after_what_lies_upon_it():
    found = {each.name.split("/")[1]: each for each in environments(TWO_PARTS)}
    assert [each.id for each in found["part:1"].images] == ["part:1"]
    assert (found["part:1"].size, found["part:2"].size, found["env:4"].size) == (3000, 500, 60)
    assert found["part:1"].before == ("curate/part:2", "curate/env:3", "curate/env:4")
    used = Used(images=4346, leftovers=0, packages=0)
    last = {"curate/env:3": 1.0, "curate/env:4": 2.0, "curate/part:1": 2.0, "curate/part:2": 2.0}
    last |= {"curate/env:1": 3.0, "curate/env:2": 4.0}

    def gone(limit, busy=()):
        return names(going(used, limit, found.values(), last=last, busy=busy))

    assert gone(4340) == ["3"]
    assert gone(4240) == ["3", "4"]
    assert gone(3700) == ["3", "4", "2"]
    assert gone(3600) == ["3", "4", "2", "1"]
    assert gone(0, busy=("curate/env:4",)) == ["3", "1", "2"]


def test_a_part_under_somebody_elses_image_stays():
    mine = image("user/mine:1", "abcpu", 3700)
    found = {each.name: each for each in environments((*TWO_PARTS, mine))}
    assert not found["curate/part:1"].free
    assert found["curate/part:2"].free


@pytest.mark.parametrize(
    "further",
    [
        image("user/mine:1", "abcdx", 800),
        image("instance:w-1", "abcdef", 725, "ghcr.io/lab/w:latest"),
    ],
)
def test_an_environment_under_somebody_elses_image_or_name_stays(further):
    first, second = environments((*IMAGES, further))
    assert (first.free, second.free) == (False, True)


def test_images_are_known_by_name_and_label_together():
    facts = {
        "Id": "sha256:1",
        "RepoTags": ["curate/env:k", "curate/env:other", "mine/env:k"],
        "Config": {"Labels": {"curate.key": "k"}},
        "RootFS": {"Layers": ["a"]},
        "Size": 5,
        "Created": "2026-11-21T22:15:41.261217278Z",
    }
    found = image_of(facts, SPACE)
    assert (found.own, found.kind) == (("curate/env:k",), "env")
    assert found.others == ("curate/env:other", "mine/env:k")
    inherited = facts | {"RepoTags": ["user/app:1"]}
    assert image_of(inherited, SPACE).own == ()
    assert image_of(facts | {"Config": {"Labels": None}}, SPACE).own == ()


FOUND = environments(IMAGES)
USED = Used(images=686, leftovers=30, packages=20)


def names(plan):
    return [each.name.rsplit(":", 1)[1] for each in plan.environments]


def test_within_the_budget_only_leftovers_go():
    plan = going(USED, 706, FOUND, last={}, busy=())
    assert (names(plan), plan.packages, plan.size, plan.over) == ([], False, 30, 0)


def test_the_least_recently_used_go_first_and_no_more_than_need_be():
    last = {"curate/env:1": 20.0, "curate/env:2": 10.0}
    assert names(going(USED, 700, FOUND, last=last, busy=())) == ["2"]
    assert names(going(USED, 600, FOUND, last=last, busy=())) == ["2", "1"]
    last["curate/env:2"] = 30.0
    assert names(going(USED, 700, FOUND, last=last, busy=())) == ["1"]
    made = [replace(each, images=(image("env:9", "x", 1, made=5.0),)) for each in FOUND]
    assert names(going(USED, 700, made, last={"curate/env:2": 4.0}, busy=())) == ["2"]


def test_what_is_in_use_or_not_ours_alone_stays_and_the_rest_is_told():
    plan = going(USED, 0, FOUND, last={}, busy={"curate/env:1"})
    assert (names(plan), plan.packages) == (["2"], True)
    assert plan.over == 686 - 50
    theirs = [replace(each, free=False) for each in FOUND]
    assert names(going(USED, 0, theirs, last={}, busy=())) == []


def test_packages_go_first_where_they_take_half_of_the_budget_and_last_else():
    many = replace(USED, packages=500)
    plan = going(many, 700, FOUND, last={}, busy=())
    assert (names(plan), plan.packages, plan.size) == ([], True, 530)
    assert going(USED, 680, FOUND, last={}, busy=()).packages is False
    assert going(USED, 510, FOUND, last={}, busy=()).packages is True


def record(name, parent="", about="", *, kind="regular", shared=False, made=""):
    return Record(
        id=name, parents=(parent,) if parent else (), kind=kind, about=about, size=1,
        shared=shared, made=made or name,
    )  # fmt: skip


INSTALL = "mount / from exec /bin/sh -c . /mnt/build.env && /mnt/uv venv"


def test_steps_of_our_builds_are_told_from_those_of_others():
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
    assert [each.id for each in leftovers(records)] == ["d", "c", "b"]
    assert [each.id for each in packages(records)] == ["g"]
    # Upon the same step somebody else has built, too.
    assert [each.id for each in leftovers([*records, record("i", "b", "x")])] == ["d", "c"]


def test_steps_that_an_image_has_are_no_leftovers():
    records = [record("a", about=INSTALL, shared=True), record("b", "a", "fileop target")]
    assert [each.id for each in leftovers(records)] == ["b"]


def test_records_of_old_and_new_engines_are_read():
    facts = {"ID": "a", "Type": "regular", "Size": 3, "Shared": True, "Parent": "b"}
    assert record_of(facts).parents == ("b",)
    assert record_of(facts | {"Parent": ""}).parents == ()
    assert record_of(facts | {"Parents": ["b", "c"]}).parents == ("b", "c")


def test_what_is_used_cannot_be_had_alone_and_the_last_use_is_kept(tmp_path):
    one, two = Uses(tmp_path / "uses"), Uses(tmp_path / "uses")
    assert one.last("e") == 0
    one.hold("x", "e")
    one.hold("y", "e")
    with two.alone("e") as alone:
        assert not alone
    one.release("x")
    with two.alone("e") as alone:
        assert not alone
    file = next((tmp_path / "uses").iterdir())
    os.utime(file, (5, 5))
    one.release("y")
    assert two.last("e") > 5
    with two.alone("e") as alone, two.alone("unknown") as unknown:
        assert alone
        assert unknown


def test_who_wants_to_use_what_is_being_removed_waits(tmp_path):
    uses = Uses(tmp_path)
    uses.hold("x", "e")
    uses.release("x")
    waiting = threading.Thread(target=uses.hold, args=("x", "e"))
    with uses.alone("e") as alone:
        assert alone
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
    waiting.join(5)
    assert not waiting.is_alive()
    with uses.alone("e") as alone:
        assert not alone


@pytest.mark.parametrize(
    ("freed", "budget", "asked"), [(0, 0, []), (9, 1, [(1, 1)]), (10, 1, []), (9, 0, [])]
)
def test_images_go_when_what_resolving_left_does_not_do(
    monkeypatch, tmp_path, freed, budget, asked
):
    backend = DockerBackend(BuildSettings(cache=tmp_path, disk_bytes=budget))
    calls = []

    class FakeRoom:
        def make(self, limit, *, more):
            calls.append((limit, more))
            return Going(size=more)

    monkeypatch.setattr("builders.backends.docker.trim_cache", lambda settings, folder: freed)
    backend.__dict__.update(store=tmp_path, room=FakeRoom())
    assert backend._make_room(10) == (freed > 0 or bool(asked))
    assert calls == asked
