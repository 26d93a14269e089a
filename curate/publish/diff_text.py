"""The differences between two releases as Markdown and JSON, in files beside the newer one."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from curate.builders.process.atomic_write import atomic_write
from curate.publish.diff import SplitDiff

MAX_NAMED = 50  # instances that are named in the text; the JSON has all


def render_diff(diffs: Sequence[SplitDiff]) -> str:
    """Return Markdown: a table of counts, then instances and columns split by split."""
    changed = [diff for diff in diffs if diff]
    if not changed:
        return "No row differs from the last release.\n"
    lines = ["| split | added | removed | changed |", "| --- | --: | --: | --: |"]
    for diff in changed:
        counts = (len(diff.added), len(diff.removed), len(diff.changed))
        lines.append(f"| {diff.split} | {' | '.join(f'{count:,}' for count in counts)} |")
    for diff in changed:
        lines += _describe_split(diff)
    return "\n".join(lines) + "\n"


def write_diff(folder: Path, diffs: Sequence[SplitDiff]) -> None:
    """Write FOLDER-diff.md and FOLDER-diff.json beside *folder*, each whole or not at all."""
    documents = {
        ".md": f"# Differences to the last release\n\n{render_diff(diffs)}",
        ".json": json.dumps([asdict(diff) for diff in diffs], indent=2) + "\n",
    }
    for suffix, text in documents.items():
        with atomic_write(diff_file(folder, suffix)) as partial:
            partial.write_text(text, encoding="utf-8")


def diff_file(folder: Path, suffix: str) -> Path:
    """Return the file beside the release *folder* that has its differences to the last one."""
    folder = folder.absolute()
    return folder.with_name(f"{folder.name}-diff{suffix}")


def _describe_split(diff: SplitDiff) -> list[str]:
    lines = ["", f"**{diff.split}**", ""]
    for label in ("added", "removed", "changed"):
        if names := getattr(diff, label):
            more = f" and {len(names) - MAX_NAMED:,} more" if len(names) > MAX_NAMED else ""
            lines.append(f"- {label}: {', '.join(names[:MAX_NAMED])}{more}")
    if diff.columns:
        counts = ", ".join(f"{name} ({count:,} rows)" for name, count in diff.columns.items())
        lines.append(f"- changed columns: {counts}")
    for label, names in (("new", diff.new_columns), ("removed", diff.removed_columns)):
        if names:
            lines.append(f"- {label} columns: {', '.join(names)}")
    return lines
