"""Every published column."""

from curate.releases import columns
from tests.reference.tables import make_table

INTRODUCTION = f"""\
# Columns

Schema version {columns.SCHEMA_VERSION}; the card of a release names it, too. Types that end in `?`
may be null: not measured. `test_strength` is null if validation did not measure it,
`leaked_patch_fraction` if the gold patch adds no distinctive line, `leak_group` if a PR gathers the
work of others. [Publishing](../publishing.md) explains splits, filters and measures.

The license is detected from the text of a license file (at least 90 % like SPDX's) and from what
the project's metadata declares; if the two differ, both are given, joined by AND.
"""
HEAD = ("column", "type", "from", "meaning")


def render() -> str:
    """The page."""
    parts = [INTRODUCTION]
    for title, group in (
        ("train, lite and other subsets", columns.TRAIN_COLUMNS),
        ("raw", columns.RAW_COLUMNS),
    ):
        rows = [(it.name, it.kind, it.source, it.meaning) for it in group]
        parts += [f"## {title}", "", make_table(HEAD, rows), ""]
    return "\n".join(parts)
