"""What commands look like: on terminals of several widths, dumb ones, without colors, and piped.

To write the snapshots anew, look at them, and commit them:

    WRITE_SNAPSHOTS=1 python -m pytest tests/functional/test_screens.py
"""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.doubles.github import GitHubDouble, World
from tests.doubles.github.samples import sample_repository
from tests.helpers.git_history import GitHistory
from tests.helpers.screen import (
    COLORS,
    Shown,
    Size,
    clean_environment,
    open_terminal,
    read,
    read_attributes,
    show_on_terminal,
    start,
    too_wide,
)
from tests.helpers.shown_store import LONG, fill_shown_store

SNAPSHOTS = Path(__file__).with_name("snapshots")
DRIVER = ["-m", "tests.helpers.screen_driver"]
COMMANDS = [
    ["status"],
    ["list"],
    ["list", "--state", "rejected"],
    ["show", "owner__name-8"],
    ["logs", "owner__name-8", "--side", "after", "--run", "1"],
    ["show", "owner__name-99"],
    ["exclude", "--list"],
]
WIDTHS = (120, 80, 40)
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with the store."""
    place = tmp_path_factory.mktemp("shown")
    fill_shown_store(place)
    return place


def compare(name: str, text: str) -> None:
    """Compare *text* with the snapshot *name*, or write it."""
    file = SNAPSHOTS / f"{name}.txt"
    text = "\n".join(line.rstrip() for line in text.replace("\r", "").split("\n"))
    if os.environ.get("WRITE_SNAPSHOTS"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), f"WRITE_SNAPSHOTS=1 writes {file.name} anew"


def run_all(folder: Path, size: Size, **variables: str) -> Shown:
    return show_on_terminal([*DRIVER, json.dumps(COMMANDS)], folder, size, variables)


def piped(folder: Path, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, *DRIVER, json.dumps(COMMANDS)],
        cwd=folder,
        env=clean_environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=True,
    )
    return done.stdout.decode("utf-8")


@pytest.mark.parametrize("columns", WIDTHS)
def test_commands_on_a_terminal(folder: Path, columns: int) -> None:
    shown = run_all(folder, Size(columns=columns))
    compare(f"commands-{columns}", shown.text)
    assert shown.attributes == shown.before
    tables = shown.text.partition("$ curate list")[0].partition("What each means")[0]
    assert [line for line in too_wide(tables, columns) if line != LONG] == []


def test_help_on_a_narrow_terminal_cuts_no_option(folder: Path) -> None:
    lines = [["--help"], ["validate", "--help"], ["publish", "check", "--help"]]
    size = Size(columns=40)
    text = show_on_terminal([*DRIVER, json.dumps(lines)], folder, size, {}).text
    for name in ("--data-dir", "--mirrors-dir", "--test-strength", "--retry-rejected"):
        assert name in text
    assert "[bold]" not in text


def test_without_colors_nothing_else_changes(folder: Path) -> None:
    colored = run_all(folder, Size(columns=80))
    plain = run_all(folder, Size(columns=80), NO_COLOR="1")
    dumb = run_all(folder, Size(columns=80, term="dumb"))
    assert re.search(r"\x1b\[[\d;]*3[1-6]", colored.raw)
    assert not re.search(r"\x1b\[(?:\d+;)*(?:3|4|9|10)\d", plain.raw)
    assert "\x1b" not in dumb.raw
    assert COLORS.sub("", colored.raw) == COLORS.sub("", plain.raw) == dumb.raw


def test_piped_lines_are_whole_and_plain(folder: Path) -> None:
    text = piped(folder)
    compare("commands-piped", text)
    assert "\x1b" not in text
    assert piped(folder, COLUMNS="40", TERM="dumb") == text


@pytest.mark.parametrize("columns", WIDTHS)
def test_progress_on_a_terminal(folder: Path, columns: int) -> None:
    shown = show_on_terminal([*DRIVER, "progress"], folder, Size(columns=columns), {})
    frames = [
        re.split(r"\x1b\[(?:1A|2K|\?)|\r\x1b", part.partition(HIDE_CURSOR)[2])[0].rstrip()
        for part in shown.raw.split("--\r\n")[:-1]
    ]
    text = "\n--\n".join(COLORS.sub("", each).replace("\r", "") for each in frames)
    compare(f"progress-{columns}", f"{text}\n")
    assert not list(too_wide(text, columns))
    assert shown.raw.count(HIDE_CURSOR) == shown.raw.count(SHOW_CURSOR) == 2
    assert shown.attributes == shown.before


def test_progress_in_a_log_file_and_on_a_dumb_terminal(folder: Path) -> None:
    dumb = show_on_terminal([*DRIVER, "progress"], folder, Size(columns=80, term="dumb"), {})
    done = subprocess.run(
        [sys.executable, *DRIVER, "progress"],
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "\x1b" not in dumb.raw + done.stderr
    lines = done.stderr.splitlines()
    compare("progress-piped", "".join(f"{line}\n" for line in dict.fromkeys(lines)))
    assert set(lines) <= {*dumb.text.replace("\r", "").splitlines()}


def test_an_interrupt_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    git = GitHistory.new(tmp_path / "work")
    git.change({"a.py": "1\n"})
    git.mirror(tmp_path / "mirror.git")
    command = ["-m", "curate", "crawl", "sample/one", "--mirror", "mirror.git"]
    size = Size(columns=80)
    with (
        GitHubDouble(World(sample_repository("sample/one", 3)), latency=30) as double,
        open_terminal(size) as (ours, theirs),
    ):
        variables = {"CURATE_GITHUB_API_URL": double.url, "TERM": size.term}
        before = read_attributes(theirs)
        process = start(command, tmp_path, theirs, clean_environment(**variables))
        said = ""
        deadline = time.monotonic() + 120
        while HIDE_CURSOR not in said and time.monotonic() < deadline:
            said += read(ours, 0.1).decode("utf-8", "replace")
        os.write(ours, b"\x03")
        while process.poll() is None:
            said += read(ours, 0.1).decode("utf-8", "replace")
        while rest := read(ours, 0.2):
            said += rest.decode("utf-8", "replace")
        after = read_attributes(theirs)
    assert process.returncode == 130, said
    assert said.rindex(SHOW_CURSOR) > said.rindex(HIDE_CURSOR)
    assert after == before
    assert said.endswith("Interrupted. Run the same command again to continue.\r\n")
