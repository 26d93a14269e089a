"""The schema version that a release names in its card."""

import re
from pathlib import Path

from curate.core.errors import ConfigurationError
from curate.releases.columns import SCHEMA_VERSION

_TAG = re.compile(r"^\s*-\s*curate-schema-(\d+)\.(\d+)\s*$", re.MULTILINE)


def check_schema_version(folder: Path, name: str) -> None:
    """Raise ConfigurationError if the release in *folder*, called *name*, is of a newer schema.

    A newer minor version only has more columns. A directory without a card is not checked.
    """
    card = folder / "README.md"
    found = (
        _TAG.search(card.read_text(encoding="utf-8", errors="replace")) if card.exists() else None
    )
    if found and int(found[1]) > int(SCHEMA_VERSION.partition(".")[0]):
        version = f"{found[1]}.{found[2]}"
        raise ConfigurationError(
            f"{name} has schema {version}; this curate reads {SCHEMA_VERSION}.",
            hint="A newer curate published it: upgrade.",
        )
