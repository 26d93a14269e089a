"""What a command says of its work: on the console, and in a file beside the store."""

from pathlib import Path

import pytest

from curate.cli.logs import KEPT_FILES, remove_old_files
from curate.core.model import Candidate
from curate.store import Store
from tests.helpers.factories import make_candidate
from tests.helpers.terminal import Curate, typed

VALIDATE = ("validate", "--sandbox", "local")


@pytest.fixture
def curate(tmp_path: Path) -> Curate:
    return lambda *arguments: typed(arguments, tmp_path, {})


@pytest.fixture
def candidate(tmp_path: Path) -> Candidate:
    """A candidate in the data directory, whose mirror is missing."""
    one = make_candidate()
    with Store(tmp_path / "data") as store:
        store.save_candidate(one)
    return one


def test_a_failed_command_ends_with_the_name_of_its_log(
    curate: Curate, tmp_path: Path, candidate: Candidate
) -> None:
    done = curate(*VALIDATE)
    assert done.returncode == 3
    *_, last = done.stderr.splitlines()
    assert last.startswith("Log:   ")
    text = (tmp_path / last.removeprefix("Log:   ")).read_text()
    assert f"ERROR {candidate.instance_id}: infrastructure error; will be retried" in text
    assert f"\nERROR {candidate.instance_id}" in f"\n{done.stderr}"
    assert f"Run: curate crawl {candidate.repo}" in done.stderr


def test_quiet_shows_the_error_alone_and_logs_the_same(
    curate: Curate, tmp_path: Path, candidate: Candidate
) -> None:
    done = curate("-q", *VALIDATE)
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == [
        "Error",
        "Hint",
        "Docs",
        "Log",
    ]
    (file,) = (tmp_path / "data/logs").iterdir()
    assert candidate.instance_id in file.read_text()


def test_commands_that_only_read_leave_no_log(
    curate: Curate, tmp_path: Path, candidate: Candidate
) -> None:
    for command in (("status",), ("show", "a__b-1")):
        assert "Log:" not in curate(*command).stderr
    assert not (tmp_path / "data/logs").exists()


def test_nothing_is_made_where_there_is_no_data_directory(curate: Curate, tmp_path: Path) -> None:
    assert "Log:" not in curate("recipe", "check", "no/such").stderr
    assert not (tmp_path / "data").exists()


def test_old_logs_make_room(tmp_path: Path) -> None:
    for number in range(KEPT_FILES + 5):
        (tmp_path / f"20260101T{number:06}Z-crawl-1.log").touch()
    remove_old_files(tmp_path)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert len(left) == KEPT_FILES - 1
    assert left[-1] == f"20260101T{KEPT_FILES + 4:06}Z-crawl-1.log"
