"""Everything that is installed is pinned: with hashes, and as pyproject.toml allows."""

import re
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / ".ci" / "locks").glob("*.txt"))
CLIENTS = sorted((ROOT / ".ci" / "locks").glob("*.in"))
_ENTRY = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)([^\n]*(?:\n    --hash=[^\n]*)*)", re.MULTILINE)


def entries(text: str) -> dict[str, list[tuple[str, str]]]:
    """(version, what follows it) by name: a package may have a version for each Python."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name, version, rest in _ENTRY.findall(text):
        found.setdefault(canonicalize_name(name), []).append((version, rest))
    return found


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_every_package_has_a_hash_and_no_index_is_named(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    assert entries(text)
    for name, versions in entries(text).items():
        assert all("--hash=sha256:" in rest for _, rest in versions), name
    pinned = [line for line in text.splitlines() if line and line[0] not in " #"]
    assert len(pinned) == len(_ENTRY.findall(text))  # no line of another form


def test_what_the_project_asks_for_is_locked_at_a_version_it_allows() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"]
    asked = chain(project["project"]["dependencies"], groups["dev"], groups["build"])
    locked = entries((ROOT / ".ci/locks/dev.txt").read_text(encoding="utf-8"))
    for requirement in map(Requirement, asked):
        versions = [version for version, _ in locked[canonicalize_name(requirement.name)]]
        assert all(requirement.specifier.contains(version) for version in versions), requirement


@pytest.mark.parametrize("asked", CLIENTS, ids=lambda path: path.stem)
def test_what_a_client_asks_for_is_locked_at_a_version_it_allows(asked: Path) -> None:
    locked = entries(asked.with_suffix(".txt").read_text(encoding="utf-8"))
    for requirement in map(Requirement, client_requirements(asked)):
        versions = [version for version, _ in locked[canonicalize_name(requirement.name)]]
        assert all(requirement.specifier.contains(version) for version in versions), requirement


def client_requirements(asked: Path) -> Iterator[str]:
    """Lines of a client's file; `.[extra]` is what this project's extra asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for line in asked.read_text(encoding="utf-8").splitlines():
        if line.startswith("."):
            yield from project["optional-dependencies"][line[2:-1]]
        elif not line.startswith("#"):
            yield line


def test_what_installs_the_lock_is_of_the_lock() -> None:
    (one,) = entries((ROOT / ".ci/locks/uv.txt").read_text(encoding="utf-8"))["uv"]
    assert one in entries((ROOT / ".ci/locks/dev.txt").read_text(encoding="utf-8"))["uv"]
