"""Mirrors that reach workers as bundles: equal refs, and only what is new is put."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from curate.builders.git.run import git_output
from curate.cluster.shared_files import SharedFiles
from curate.cluster.shared_mirrors import SharedMirror, fetch_mirror, share_mirror
from curate.core.errors import ConfigurationError, NetworkError
from tests.helpers.git_history import GitHistory


@dataclass(frozen=True)
class Place:
    """A repository, its mirror at the driver, and the shared folder."""

    history: GitHistory
    mirror: Path
    folder: Path

    @property
    def shared(self) -> SharedFiles:
        return SharedFiles(f"file://{self.folder}/shared")

    def share(self) -> SharedMirror:
        self.history.git("push", "--quiet", "--mirror", str(self.mirror))
        return share_mirror(self.mirror, self.shared, self.folder / "driver")

    def fetch(self, shared: SharedMirror, worker: str = "worker") -> Path:
        return fetch_mirror(shared, self.shared, self.folder / worker)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    history = GitHistory.new(tmp_path / "work")
    history.commit(a_py="1")
    history.commit(a_py="2")
    mirror = tmp_path / "owner__name.git"
    history.git("clone", "--quiet", "--mirror", ".", str(mirror))
    return Place(history, mirror, tmp_path)


def state(mirror: Path) -> tuple[bytes, bytes, bytes]:
    """Refs, HEAD, and all objects that refs reach; reading them fails if one is missing."""
    return (
        git_output(mirror, "for-each-ref"),
        git_output(mirror, "symbolic-ref", "HEAD"),
        git_output(mirror, "rev-list", "--objects", "--all"),
    )


def test_a_worker_gets_the_mirror_and_later_what_is_new(place: Place) -> None:
    first = place.share()
    copy = place.fetch(first)
    assert copy.name == place.mirror.name and state(copy) == state(place.mirror)
    place.history.commit(a_py="3")
    place.history.git("tag", "v1")
    second = place.share()
    assert second.bundles[:-1] == first.bundles and len(second.bundles) == 2
    shutil.rmtree(place.folder / "shared" / first.bundles[0], ignore_errors=True)
    assert state(place.fetch(second)) == state(place.mirror)
    assert state(place.fetch(second, "another")) == state(place.mirror)


def test_the_same_mirror_is_put_once(place: Place) -> None:
    first = place.share()
    before = sorted((place.folder / "shared").rglob("*"))
    assert place.share() == first
    assert sorted((place.folder / "shared").rglob("*")) == before


def test_refs_that_move_back_or_vanish_are_so_at_the_worker(place: Place) -> None:
    place.history.branch("other")
    place.history.commit(a_py="other")
    place.fetch(place.share())
    place.history.git("update-ref", "refs/heads/main", "main~1")
    place.history.checkout("main")
    place.history.git("branch", "--quiet", "-D", "other")
    moved = place.share()
    assert len(moved.bundles) == 1  # there is no new object
    assert state(place.fetch(moved)) == state(place.mirror)


def test_a_lost_shared_folder_is_filled_again(place: Place) -> None:
    place.share()
    shutil.rmtree(place.folder / "shared")
    assert state(place.fetch(place.share())) == state(place.mirror)


def test_a_missing_file_and_a_strange_address_are_errors_for_people(place: Place) -> None:
    shared = place.share()
    shutil.rmtree(place.folder / "shared")
    with pytest.raises(NetworkError, match=r"shared_files file:///.* cannot be used"):
        place.fetch(shared)
    with pytest.raises(ConfigurationError, match="shared_files"):
        SharedFiles("nosuch://bucket")
