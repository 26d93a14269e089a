"""Shards: every key is in one of them, on every machine."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.core.errors import ConfigurationError
from curate.core.shards import Shard, parse_shard
from curate.core.task import Task
from curate.environments.tasks import InvalidTask
from curate.evaluation.predictions import PredictionFile, Predictions
from curate.evaluation.shards import select_shard


@given(st.integers(1, 200), st.lists(st.text(), min_size=1, max_size=3))
def test_a_key_is_in_exactly_one_shard(count: int, key: list[str]) -> None:
    holders = [it for it in range(1, count + 1) if Shard(index=it, count=count).contains(*key)]
    assert len(holders) == 1


def test_shards_are_the_same_on_every_machine() -> None:
    keys = [("getmoto/moto", "a"), ("getmoto/moto", "b"), ("ünï", ""), ("x\udcff",)]
    places = [
        next(n for n in range(1, 25) if Shard(index=n, count=24).contains(*key)) for key in keys
    ]
    assert places == [2, 4, 2, 4]


def test_shards_are_of_about_the_same_size() -> None:
    shards = [Shard(index=n, count=24) for n in range(1, 25)]
    sizes = Counter(it.index for n in range(4_800) for it in shards if it.contains("o/r", str(n)))
    assert len(sizes) == 24
    assert max(sizes.values()) < 1.3 * 200


@pytest.mark.parametrize("text", ["1/1", "3/24", "24/24", "00003/24", "100000/100000"])
def test_shards_are_written_as_index_and_count(text: str) -> None:
    index, count = map(int, text.split("/"))
    assert parse_shard(text) == Shard(index=index, count=count)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("0/4", "numbered from 1 to 4"),
        ("5/4", "no shard 5 of 4"),
        ("1/0", "from 1 to 100,000"),
        ("0/0", "from 1 to 100,000"),
        ("1/100001", "from 1 to 100,000"),
        ("1/99999999999", "from 1 to 100,000"),
        *(
            (text, "Invalid --shard")
            for text in (
                *("", "1", "/", "1/", "/2", "a/b", "1.0/2", "1/2.0", "1e0/2", "-1/2", "1/-2"),
                *("+1/2", " 1/2", "1/2 ", "1 / 2", "1/2\n", "1/2/3", "1-2", "0x1/2", "1_0/20"),
                *("١/٢", "²/3", "1\\2", "9" * 5000 + "/1"),
            )
        ),
    ],
)
def test_anything_else_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        parse_shard(text)


@dataclass(frozen=True, kw_only=True)
class Tasks:
    """A dataset whose instances have images in pairs, but the last one, which has none."""

    name: str = "tasks"
    ids: tuple[str, ...] = tuple(f"o__r-{number}" for number in range(41))

    def iter_tasks(self, ids: Iterable[str]) -> Iterator[Task | InvalidTask]:
        for name in self.ids:
            number = int(name.rpartition("-")[2])
            digest = "" if name == self.ids[-1] else f"sha256:{number // 2}"
            if name in frozenset(ids):
                yield Task(
                    instance_id=name, repo="o/r", base_commit="b", problem_statement="",
                    hints_text="", image="image", image_digest=digest, gold=b"", test_patch=b"",
                    test_command="", fail_to_pass=(), pass_to_pass=(),
                )  # fmt: skip


def test_predictions_are_graded_where_their_image_is() -> None:
    source = Tasks()
    patches = dict.fromkeys((*source.ids, "unknown-1", "unknown-2"), b"patch")
    models = tuple(Predictions(model=name, patches=patches) for name in ("one", "two"))
    parts = [
        select_shard(
            Shard(index=n, count=4), source, PredictionFile(models=models, problems=("p",))
        )
        for n in range(1, 5)
    ]
    assert sorted(name for tasks, _ in parts for name in tasks.ids) == sorted(source.ids)
    for model in range(2):
        found = [name for _, them in parts for name in them.models[model].patches]
        assert sorted(found) == sorted(patches)
    for tasks, them in parts:
        assert them.problems == ("p",)
        assert set(tasks.ids) == {*them.models[0].patches} - {"unknown-1", "unknown-2"}
        assert [it.instance_id for it in tasks.iter_tasks(source.ids)] == list(tasks.ids)
        pairs = Counter(int(name.rpartition("-")[2]) // 2 for name in tasks.ids)
        assert set(pairs.values()) <= {2} | ({1} if source.ids[-1] in tasks.ids else set())
