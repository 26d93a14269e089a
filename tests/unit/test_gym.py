"""The pure parts of environments for agents: options, results as `info`, patches from files."""

import subprocess
from pathlib import Path

import pytest

from curate.builders.model import RunStatus
from curate.builders.session.model import CommandResult, FileEntry
from curate.core.errors import ConfigurationError
from curate.gym import EnvironmentOptions
from curate.gym.diff import find_changes, render_patch
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


BEFORE = {
    b"text": ("100644", b"one\ntwo\n"),
    b"crlf": ("100644", b"one\r\ntwo\r\n"),
    b"no-end": ("100644", b"one\ntwo"),
    b"binary": ("100644", bytes(range(256))),
    b"script": ("100644", b"#!/bin/sh\n"),
    b"gone": ("100644", b"gone\n"),
    b"becomes-folder": ("100644", b"file\n"),
    b"link": ("120000", b"text"),
    b"file-then-link": ("100644", b"text"),
}
AFTER = {
    b"text": ("100644", b"one\n2\n"),
    b"crlf": ("100644", b"one\r\n2\r\n"),
    b"no-end": ("100644", b"one\n2"),
    b"binary": ("100644", bytes(range(255, -1, -1))),
    b"script": ("100755", b"#!/bin/sh\n"),
    b"becomes-folder/file": ("100644", b"file\n"),
    b"link": ("120000", b"script"),
    b"file-then-link": ("120000", b"text"),
    b"empty": ("100644", b""),
    b"with space": ("100644", b"x\n"),
    b'quote"\\\ttab': ("100644", b"x\n"),
    b"new\nline": ("100644", b"x\n"),
    "ü/ö".encode(): ("100644", b"x\n"),
    b"latin-\xff": ("100644", b"x\n"),
    b".gitattributes": ("100644", b"* text eol=crlf -diff\n"),
    b".gitignore": ("100644", b"*\n"),
}


def write_files(folder: Path, files: dict[bytes, tuple[str, bytes]]) -> None:
    import os

    for path, (mode, content) in files.items():
        place = Path(os.fsdecode(os.fsencode(folder) + b"/" + path))
        place.parent.mkdir(parents=True, exist_ok=True)
        if mode == "120000":
            place.symlink_to(os.fsdecode(content))
        else:
            place.write_bytes(content)
            place.chmod(0o755 if mode == "100755" else 0o644)


def test_patch_makes_the_files_again(tmp_path: Path) -> None:
    write_files(tmp_path / "before", BEFORE)
    write_files(tmp_path / "after", AFTER)
    patch = render_patch(BEFORE, AFTER)
    command = ["git", "apply", "--whitespace=nowarn", "-"]
    subprocess.run(command, cwd=tmp_path / "before", input=patch, check=True)
    subprocess.run(["diff", "-r", "--no-dereference", "before", "after"], cwd=tmp_path, check=True)
    assert (tmp_path / "before" / "script").stat().st_mode & 0o111


def test_no_change_is_no_patch() -> None:
    assert render_patch(BEFORE, BEFORE) == b""
