"""Notes in a folder of images that were pulled, for what removes them later."""

from pathlib import Path

from curate.builders.process.atomic_write import atomic_write
from curate.builders.process.digest import content_hash


def note_pulled(folder: Path, reference: str) -> None:
    """Note in *folder* that curate has pulled *reference*, "repository@sha256:…"."""
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / content_hash(reference)) as path:
        path.write_text(reference, encoding="utf-8")


def read_pulled(folder: Path) -> frozenset[str]:
    """Return the references that are noted in *folder*."""
    notes = (path.read_text(encoding="utf-8") for path in folder.glob("[0-9a-f]*"))
    return frozenset(notes) if folder.is_dir() else frozenset()


def forget_pulled(folder: Path, reference: str) -> None:
    """Remove the note of *reference*."""
    (folder / content_hash(reference)).unlink(missing_ok=True)
