"""The pure parts of environments for agents: options, results as `info`, patches from files."""

import pytest

from curate.builders.model import RunStatus
from curate.builders.session.model import CommandResult, FileEntry
from curate.core.errors import ConfigurationError
from curate.gym import EnvironmentOptions
from curate.gym.diff import find_changes
from curate.gym.environment import describe_result, encode_command


@pytest.mark.parametrize(
    "options",
    [
        {"sandbox": "podman"},
        {"step_seconds": 0},
        {"step_seconds": float("nan")},
        {"step_seconds": float("inf")},
        {"output_bytes": 10},
        {"max_steps": -1},
        {"warm": -1},
    ],
)
def test_invalid_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        EnvironmentOptions(**options)  # type: ignore[arg-type]


def test_command_with_nul_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="NUL"):
        encode_command("a\0b")
    assert encode_command("ü\udcff") == b"\xc3\xbc\xff"


def test_info_has_plain_values() -> None:
    result = CommandResult(
        output=b"",
        total_bytes=7,
        exit_code=None,
        seconds=1.5,
        timed_out=True,
        reached_limit=RunStatus.OUT_OF_PIDS,
    )
    assert describe_result(result) == {
        "exit_code": None,
        "seconds": 1.5,
        "timed_out": True,
        "output_bytes": 7,
        "new_shell": "",
        "reached_limit": "out-of-pids",
    }


def entry(digest: str, mode: str = "100644") -> FileEntry:
    return FileEntry(mode=mode, digest=digest)


def test_changes_are_content_mode_presence_but_not_cached_bytecode() -> None:
    before = {b"same": entry("1"), b"edited": entry("1"), b"gone": entry("1"), b"mode": entry("1")}
    before |= {b"a/__pycache__/kept.pyc": entry("1")}
    after = {b"same": entry("1"), b"edited": entry("2"), b"mode": entry("1", "100755")}
    after |= {
        b"new": entry("1"),
        b"__pycache__/x.pyc": entry("1"),
        b"a/__pycache__/b/c": entry("1"),
    }
    assert find_changes(before, after) == [
        b"a/__pycache__/kept.pyc",
        b"edited",
        b"gone",
        b"mode",
        b"new",
    ]
