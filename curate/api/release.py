"""`curate.load_release`: the rows of a release, typed."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, cast, overload

from curate.api.errors import raise_curate_errors, translated_iterator
from curate.api.rows import CandidateRow, InstanceRow
from curate.core.errors import NotFoundError
from curate.core.settings import Settings, read_settings
from curate.environments.dataset_files import DatasetFiles, find_dataset_files
from curate.releases.reader import list_splits

RowT = TypeVar("RowT", InstanceRow, CandidateRow)


@dataclass(frozen=True, kw_only=True)
class Release(Generic[RowT]):
    """The rows of one split, in the order of their files; they are read as they are asked for.

    `len(release)`, `release.ids`, `for row in release` and `release["getmoto__moto-4848"]`.
    """

    name: str  # as it was given to `load_release`
    split: str
    files: DatasetFiles

    @property
    def folder(self) -> Path | None:
        """Directory with the release's card and checksums; None for a file of rows."""
        return self.files.folder

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits of the release, sorted; of a file of rows, the one that was asked for."""
        return tuple(list_splits(self.folder)) if self.folder else (self.split,)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """All instance ids, in order."""
        return tuple(translated_iterator(self.files.iter_ids()))

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[RowT]:
        """Yield the rows; up to a hundred are in memory at once."""
        return cast(Iterator[RowT], translated_iterator(self.files.iter_rows()))

    def __getitem__(self, instance_id: str) -> RowT:
        """Return one row. Raises NotFoundError for an unknown id."""
        rows: Iterator[Any] = self.files.iter_rows(ids=frozenset([instance_id]))
        row = next(translated_iterator(rows), None)
        if row is None:
            example = f"An id of it: {self.ids[0]}." if self.ids else "It has no rows."
            raise NotFoundError(f"{self.name} has no instance {instance_id}.", hint=example)
        return cast(RowT, row)

    def __contains__(self, instance_id: object) -> bool:
        return instance_id in self.ids


@overload
def load_release(  # type: ignore[overload-overlap]  # "raw" is a string, too
    name: str | Path, split: Literal["raw"], *, settings: Settings | None = None
) -> Release[CandidateRow]: ...


@overload
def load_release(
    name: str | Path, split: str = "train", *, settings: Settings | None = None
) -> Release[InstanceRow]: ...


def load_release(
    name: str | Path, split: str = "train", *, settings: Settings | None = None
) -> Release[Any]:
    """Return a release: its rows with typed keys, `InstanceRow`, or `CandidateRow` of "raw".

    Args:
        name: Release directory, .parquet or .jsonl file of rows, or "OWNER/NAME" on the Hub,
            optionally "OWNER/NAME@REVISION" with a branch, tag or commit. What the Hub has is
            downloaded into the data directory; a second call fetches only what has changed.
        split: "train", "lite", "raw", or one of the publisher's own.
        settings: By default those of the environment variables and `curate.toml`.

    Raises:
        NotFoundError: There is no such dataset or split; the hint names the splits.
        ConfigurationError: It is not valid, or a newer curate published it.
        NetworkError: The Hub does not respond.
        AuthenticationError: The Hub refuses the token.
    """
    with raise_curate_errors():
        found = settings or read_settings({})
        files = find_dataset_files(str(name), found, split)
    return Release(name=str(name), split=split, files=files)
