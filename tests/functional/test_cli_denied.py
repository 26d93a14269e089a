"""Every command where it may not read or write, or finds no room: a sentence and a known code."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.helpers.command_tree import Command, list_commands
from tests.helpers.denied import (
    make_read_only,
    make_writable,
    ordinary_permissions,
    small_filesystem,
)
from tests.helpers.loop_filesystem import MountError
from tests.helpers.releases import good, released
from tests.helpers.stored_world import fill, give_up_soon, run

EVERY = list_commands()
every_command = pytest.mark.parametrize("command", EVERY, ids=str)
heavy = pytest.mark.heavy
DENIED, STORE, FULL = 5, 7, 8  # exit codes


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with a mirror, a store, a release, a recipe and a cache."""
    folder = tmp_path_factory.mktemp("filled")
    fill(folder)
    released(folder / "data/release", good())
    for name in ("data/recipes", "data/logs", "cache"):
        (folder / name).mkdir()
    (folder / "data/recipes/owner__name.toml").write_text('repo = "owner/name"\n')
    return folder


@pytest.fixture
def folder(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of it, in which permissions hold."""
    for name in ("data", "cache"):
        shutil.copytree(filled / name, tmp_path / name)
    give_up_soon(monkeypatch)
    with ordinary_permissions() as are_held:
        if not are_held:
            pytest.skip("this system denies this user nothing")
        yield tmp_path
        allow(tmp_path)


def change_modes(folder: Path, mask: int) -> None:
    """Let all that is in *folder*, and itself, have no more permissions than those of *mask*."""
    paths = [folder, *folder.rglob("*")]
    for path in reversed(paths):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & mask)


def allow(folder: Path) -> None:
    """Give all permissions back, so that the folder can be removed."""
    folder.chmod(0o700)
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            allow(path)
        elif path.is_file():
            path.chmod(0o600)


PARTS = [
    "data",
    "data/curate.sqlite",
    "data/blobs",
    "data/logs",
    "data/mirrors",
    "data/mirrors/owner__name.git",
    "data/recipes",
    "data/recipes/owner__name.toml",
    "data/release",
    "data/release/README.md",
    "data/release/data",
    "cache",
    ".",
]


@every_command
@pytest.mark.parametrize(
    "mask",
    [pytest.param(0o000, id="unreadable"), pytest.param(0o555, id="read-only", marks=heavy)],
)
def test_a_part_of_the_data_directory_is_denied(command: Command, mask: int, folder: Path) -> None:
    for part in PARTS:
        if (folder / part).exists() and (part, mask) != (".", 0):  # where nobody can be
            expected = run(command.line(), folder).returncode
            change_modes(folder / part, mask)
            done = run(command.line(), folder)
            allow(folder)
            is_told = done.returncode == 1 and "Permission denied" in done.stdout  # by a check
            assert is_told or done.returncode in {expected, DENIED, STORE}, (part, done.stderr)


def make_file(path: Path) -> None:
    path.write_text("x\n")


@every_command
@pytest.mark.parametrize("mask", [0o000, 0o555], ids=["unreadable", "read-only"])
@pytest.mark.parametrize(
    "make",
    [pytest.param(make_file, id="file"), pytest.param(Path.mkdir, id="directory", marks=heavy)],
)
def test_a_path_is_denied(
    command: Command, mask: int, make: Callable[[Path], None], folder: Path
) -> None:
    make(folder / "place")
    for path in ("place", "place/below"):
        for line in command.path_lines(path):
            expected = run(line, folder).returncode
            change_modes(folder / "place", mask)
            done = run(line, folder)
            allow(folder)
            assert done.returncode in {expected, DENIED}, (line, done.stderr)


@every_command
@pytest.mark.parametrize(
    "option",
    [
        "--data-dir",
        *(pytest.param(f"--{name}-dir", marks=heavy) for name in ("mirrors", "recipes", "cache")),
    ],
)
def test_a_directory_is_denied(command: Command, option: str, folder: Path) -> None:
    for mask in (0o000, 0o555):
        shutil.copytree(folder / "data", folder / "place")
        change_modes(folder / "place", mask)
        for place in ("place", "place/below"):
            run((option, place, *command.line()), folder)
        allow(folder)
        shutil.rmtree(folder / "place")


@every_command
def test_the_configuration_file_may_not_be_read(command: Command, folder: Path) -> None:
    (folder / "curate.toml").write_text("")
    (folder / "curate.toml").chmod(0)
    assert run(command.line(), folder).returncode == DENIED


@pytest.fixture
def disk(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory on a file system of its own of 4 MB."""
    give_up_soon(monkeypatch)
    place = tmp_path / "disk"
    place.mkdir()
    try:
        with small_filesystem(place, 4096):
            for name in ("data", "cache"):
                shutil.copytree(filled / name, place / name)
            yield place
    except MountError:
        pytest.skip("this user may not mount")


@every_command
def test_the_disk_is_read_only(command: Command, disk: Path) -> None:
    for line in (command.line(), *command.path_lines("data/new")):
        expected = run(line, disk).returncode
        make_read_only(disk)
        done = run(line, disk)
        make_writable(disk)
        assert done.returncode in {expected, DENIED, STORE}, (line, done.stderr)


@every_command
def test_the_disk_is_full(command: Command, disk: Path) -> None:
    for line in (command.line(), *command.path_lines("data/new")):
        expected = run(line, disk).returncode
        with suppress(OSError), (disk / "filler").open("wb", buffering=0) as stream:
            while stream.write(bytes(4096)):
                pass
        done = run(line, disk)
        (disk / "filler").unlink()
        assert done.returncode in {expected, FULL}, (line, done.stderr)
