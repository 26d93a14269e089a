"""Derived repositories and the mirrors they came from, for benchmarks."""

from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path

from tests.doubles.github.data import Repository, World


@dataclass(frozen=True, kw_only=True)
class MirroredRepository:
    """A repository as GitHub would serve it, and its mirror."""

    world: World
    data: Repository
    folder: Path
    mirror: Path

    @property
    def repo(self) -> str:
        """The repository's name with owner."""
        return self.data.name


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments that say where worlds and mirrors are."""
    parser.add_argument("worlds", nargs="+", type=Path, help="folders that `derive` wrote")
    parser.add_argument(
        "--mirror",
        required=True,
        help="path of a bare mirror; {name} stands for owner+name",
    )


def load_repositories(folders: list[Path], mirror: str) -> list[MirroredRepository]:
    """Load every world beside its mirror."""
    found = []
    for folder in folders:
        data = Repository.load(folder)
        path = Path(mirror.format(name=data.name.replace("/", "+")))
        found.append(MirroredRepository(world=World(data), data=data, folder=folder, mirror=path))
    return found
