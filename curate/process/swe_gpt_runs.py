"""Runs that SWE-GPT's published program recorded: one folder of files for each instance."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.process.location_rate import LocationRate, TaggedLocations, tag_bug_locations

_NUMBER = re.compile(r"_(\d+)\.")


@dataclass(frozen=True, kw_only=True)
class SweGptRun:
    """What one run left; what it did not come to is empty."""

    instance_id: str
    base_commit: str
    problem_statement: str
    files: tuple[str, ...]  # files_to_modify, without the first slash
    review_locations: tuple[TaggedLocations, ...]  # after reading skeletons
    final_locations: tuple[TaggedLocations, ...]  # after searching
    patch: bytes  # the last that was extracted
    gold: bytes
    rates: Mapping[str, LocationRate]  # as recorded: "from_patch", "from_repo_review", ...


def find_run_folders(path: Path) -> list[Path]:
    """Return the folders of instances at most three levels below *path*, sorted."""
    depths = ("", "*/", "*/*/", "*/*/*/")
    found = {file.parent for depth in depths for file in path.glob(f"{depth}meta.json")}
    return sorted(found)


def read_run(folder: Path) -> SweGptRun:
    """Read the folder of an instance.

    Raises OSError, ValueError, KeyError or TypeError if a file is not as it should be.
    """
    meta = _read_json(folder / "meta.json")
    info = meta["task_info"]
    return SweGptRun(
        instance_id=str(meta["task_id"]),
        base_commit=str(info["base_commit"]),
        problem_statement=str(info["problem_statement"]),
        files=_read_files(folder),
        review_locations=_read_locations(folder / "agent_specific_content_location.json"),
        final_locations=_read_locations(_find_last(folder, "agent_proxy_*.json")),
        patch=_read_bytes(_find_last(folder, "extracted_patch_*.diff")),
        gold=_read_bytes(folder / "developer_patch.diff"),
        rates={
            **_read_rates(folder / "locations_rate.json"),
            **_read_rates(folder / "locations_rate_from_repo_review.json"),
        },
    )


def _read_files(folder: Path) -> tuple[str, ...]:
    answer = _last_answer(folder / "agent_file_location.json")
    files = answer.get("files_to_modify") or ()
    return tuple(str(it).lstrip("/") for it in files)


def _read_locations(file: Path | None) -> tuple[TaggedLocations, ...]:
    return tag_bug_locations(_last_answer(file).get("bug_locations") or ())


def _last_answer(file: Path | None) -> Mapping[str, Any]:
    """Return the JSON of the last message of a conversation, if it is the assistant's; else {}."""
    if file is None or not file.is_file():
        return {}
    messages = _read_json(file)
    while isinstance(messages, list) and messages and isinstance(messages[0], list):
        messages = messages[0]  # a proxy has a list of conversations
    if not messages or messages[-1].get("role") != "assistant":
        return {}
    try:
        answer = json.loads(messages[-1]["content"])
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _find_last(folder: Path, pattern: str) -> Path | None:
    """Return the file with the highest number."""
    numbers = {file: _NUMBER.search(file.name) for file in folder.glob(pattern)}
    numbered = [(int(match[1]), file) for file, match in numbers.items() if match]
    return max(numbered)[1] if numbered else None


def _read_rates(file: Path) -> dict[str, LocationRate]:
    if not file.is_file():
        return {}
    return {str(name): LocationRate(**rate) for name, rate in _read_json(file).items()}


def _read_bytes(file: Path | None) -> bytes:
    return file.read_bytes() if file is not None and file.is_file() else b""


def _read_json(file: Path) -> Any:
    return json.loads(file.read_bytes())
