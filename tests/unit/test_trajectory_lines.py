"""Trajectory files: what is written comes back, and what is none is named."""

from pathlib import Path

import pytest

from curate.core.errors import ConfigurationError, NotFoundError
from curate.trajectories.lines import (
    InvalidTrajectoryError,
    format_trajectory,
    iter_trajectories,
    parse_trajectory,
)
from curate.trajectories.record import GRADED, Reward, Trajectory, Usage

CALL = {"id": "1", "type": "function", "function": {"name": "bash", "arguments": '{"command": 1}'}}
WHOLE = Trajectory(
    instance_id="a__b-1",
    repo="a/b",
    agent="bash",
    agent_version="1",
    model="small",
    settings={"temperature": 0.5, "max_turns": 3},
    sample=2,
    messages=(
        {"role": "user", "content": "line\u2028separator, \ud800 and é"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "content": "out", "tool_call_id": "1"},
    ),
    tools=({"type": "function", "function": {"name": "bash", "parameters": {}}},),
    patch="--- a\udcff\n",
    exit_status="submitted",
    reward=Reward(resolved=True, source=GRADED, reason="resolved", claimed=False),
    usage=Usage(calls=1, prompt_tokens=10, completion_tokens=3, cost=0.1, seconds=2.5),
    tokens={"estimate": 12},
    scores={"verifier": 0.75},
    source="rollout",
    origin="x.json",
    created_at="2026-01-01T00:00:00Z",
)


def test_what_is_written_comes_back_in_the_same_bytes() -> None:
    line = format_trajectory(WHOLE)
    assert line.count(b"\n") == 1
    assert parse_trajectory(line) == WHOLE
    assert format_trajectory(parse_trajectory(line)) == line


def test_a_trajectory_with_nothing_but_its_names_comes_back() -> None:
    least = Trajectory(instance_id="a__b-1", agent="x")
    assert parse_trajectory(format_trajectory(least)) == least


def test_the_key_is_of_instance_agent_settings_and_sample() -> None:
    base = Trajectory(instance_id="a__b-1", agent="x", settings={"t": 1, "n": 2})
    same = Trajectory(instance_id="a__b-1", agent="x", settings={"n": 2, "t": 1}, patch="other")
    others = [
        Trajectory(instance_id="a__b-2", agent="x", settings={"t": 1, "n": 2}),
        Trajectory(instance_id="a__b-1", agent="y", settings={"t": 1, "n": 2}),
        Trajectory(instance_id="a__b-1", agent="x", settings={"t": 2, "n": 2}),
        Trajectory(instance_id="a__b-1", agent="x", settings={"t": 1, "n": 2}, sample=1),
    ]
    assert same.trajectory_id == base.trajectory_id
    assert len({base.trajectory_id, *(it.trajectory_id for it in others)}) == 5


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"{", "no JSON"),
        (b"[]", "no JSON object"),
        (b"\xff", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'{"instance_id": "a"}', "schema_version"),
        (b'{"schema_version": "2.0"}', "schema_version"),
        (b'{"schema_version": "1.0"}', "empty"),
        (b'{"schema_version": "1.0", "instance_id": 1}', "instance_id"),
        (
            b'{"schema_version": "1.3", "instance_id": "a", "agent": "x", "messages": [1]}',
            "messages",
        ),
        (b'{"schema_version": "1.0", "instance_id": "a", "agent": "x", "sample": true}', "sample"),
    ],
)
def test_what_is_no_trajectory_says_why(line: bytes, problem: str) -> None:
    with pytest.raises(InvalidTrajectoryError, match=problem):
        parse_trajectory(line)


def test_fields_of_a_later_minor_version_are_passed_over() -> None:
    line = b'{"schema_version": "1.9", "instance_id": "a", "agent": "x", "usage": {"later": 1}}'
    assert parse_trajectory(line).instance_id == "a"


def test_a_file_names_the_line_that_is_no_trajectory(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    path.write_bytes(format_trajectory(WHOLE) + b"\n" + b"{}\n")
    found = iter_trajectories(path)
    assert next(found) == WHOLE
    with pytest.raises(ConfigurationError, match="line 3"):
        next(found)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="does not exist"):
        next(iter_trajectories(tmp_path / "none"))
