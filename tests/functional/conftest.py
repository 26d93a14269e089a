"""What the tests of every command share: a store to try them on."""

import shutil
from pathlib import Path

import pytest

from tests.helpers.stored_world import fill, give_up_soon


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with a mirror and a store."""
    folder = tmp_path_factory.mktemp("filled")
    fill(folder)
    return folder


@pytest.fixture
def folder(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, in which commands give up soon."""
    shutil.copytree(filled / "data", tmp_path / "data")
    give_up_soon(monkeypatch)
    return tmp_path
