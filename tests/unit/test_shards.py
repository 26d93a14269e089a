"""Shards: every key is in one of them, on every machine."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.core.errors import ConfigurationError
from curate.core.shards import Shard, parse_shard


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
    sizes = Counter(it.index for n in range(24_000) for it in shards if it.contains("o/r", str(n)))
    assert len(sizes) == 24
    assert max(sizes.values()) < 1.15 * 1000


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
