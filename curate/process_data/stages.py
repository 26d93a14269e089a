"""Prompts and answers of SWE-GPT's stages, from what is known of the gold patch.

The shapes of the answers are those of its published program; the prompts are our own words.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from curate.process_data.localization import Location
from curate.process_data.prompts import PROMPTS
from curate.process_data.python_source import PythonSource

MAX_FILES = 5
MAX_LOCATIONS = 10
MAX_SNIPPET_LINES = 3


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A question and its answer, or why there is none."""

    stage: str  # "files", "locations", "search", "plan" or "patch"
    prompt: str = ""
    answer: str = ""
    reason: str = ""  # "" = there is an answer
    omitted: int = 0  # files or places of gold beyond those that an answer may have


@dataclass(frozen=True, kw_only=True)
class FileLocations:
    """The places of gold in one file that exists at the base commit."""

    path: str
    old: PythonSource
    locations: tuple[Location, ...]


def make_files_stage(issue: str, tree: str, files: Sequence[str]) -> Stage:
    """Ask which files to modify; answer with at most five."""
    answer = {"files_to_modify": [f"/{path}" for path in files[:MAX_FILES]]}
    prompt = PROMPTS["files"].format(issue=issue, tree=tree, limit=MAX_FILES)
    return Stage(stage="files", prompt=prompt, answer=_dump(answer), omitted=len(files[MAX_FILES:]))


def make_locations_stage(issue: str, skeleton: str, places: Sequence[Mapping[str, str]]) -> Stage:
    """Ask for the places in the skeletons of files; answer with at most ten."""
    shown = places[:MAX_LOCATIONS]
    answer = {"reason": _describe_places(shown), "bug_locations": [dict(it) for it in shown]}
    limits = {"limit": MAX_LOCATIONS, "lines": MAX_SNIPPET_LINES}
    return Stage(
        stage="locations",
        prompt=PROMPTS["locations"].format(issue=issue, skeleton=skeleton, **limits),
        answer=_dump(answer),
        omitted=len(places) - len(shown),
    )


def make_search_stage(issue: str, places: Sequence[Mapping[str, str]]) -> Stage:
    """Ask for calls that search the code; answer with those that find the places."""
    shown = places[:MAX_LOCATIONS]
    calls = list(dict.fromkeys(map(_make_call, shown)))
    named = [dict(it) for it in shown if "code_snippets" not in it]
    answer = {"API_calls": calls, "bug_locations": named}
    return Stage(
        stage="search",
        prompt=PROMPTS["search"].format(issue=issue),
        answer=_dump(answer),
        omitted=len(places) - len(shown),
    )


def make_plan_stage(issue: str, code: str, steps: Sequence[Mapping[str, object]]) -> Stage:
    """Ask for a plan; answer with the exact places and what becomes of them.

    The rationale is empty: no program can know it, only a model or a person.
    """
    answer = {"plan": [dict(it) for it in steps], "rationale": ""}
    prompt = PROMPTS["plan"].format(issue=issue, code=code)
    return Stage(stage="plan", prompt=prompt, answer=_dump(answer))


def make_patch_stage(issue: str, code: str, modifications: str) -> Stage:
    """Ask for the patch; answer with SWE-GPT's modifications."""
    prompt = PROMPTS["patch"].format(issue=issue, code=code)
    return Stage(stage="patch", prompt=prompt, answer=modifications)


def list_places(files: Iterable[FileLocations]) -> list[dict[str, str]]:
    """Return `bug_locations` of code that exists at the base commit, each once.

    What a patch adds is at the class that gets it, or at the lines before and after it.
    """
    places = [_make_place(it, location) for it in files for location in it.locations]
    return [dict(it) for it in dict.fromkeys(tuple(place.items()) for place in places if place)]


def _make_place(file: FileLocations, location: Location) -> dict[str, str]:
    place = {"file": file.path}
    known = {unit.name for unit in file.old.units}
    owner = location.name
    while owner and (owner not in known or location.change == "added"):
        owner = owner.rpartition(".")[0]
        if owner in known:
            break
    unit = next((it for it in file.old.units if it.name == owner), None)
    if unit is None:
        snippet = _read_snippet(file.old, location)
        return {**place, "code_snippets": snippet} if snippet else {}
    names = [*unit.classes] + ([owner.rpartition(".")[2]] if unit.kind == "class" else [])
    if names:
        place["class"] = names[-1]
    if unit.kind == "function":
        place["method"] = (*unit.functions, owner.rpartition(".")[2])[0]
    return place


def _read_snippet(source: PythonSource, location: Location) -> str:
    line = location.old_edited[0] if location.old_edited else (location.inserted_at or 0)
    start = max(line - 1, 1)
    return "".join(source.lines[start - 1 : start - 1 + MAX_SNIPPET_LINES])


def _make_call(place: Mapping[str, str]) -> str:
    match place:
        case {"method": method, "class": owner}:
            return f"search_method_in_class({method!r}, {owner!r})"
        case {"method": method, "file": path}:
            return f"search_method_in_file({method!r}, {path!r})"
        case {"class": owner, "file": path}:
            return f"search_class_in_file({owner!r}, {path!r})"
    line = next((it for it in place["code_snippets"].split("\n") if it.strip()), "")
    return f"search_code_in_file({line.strip()!r}, {place['file']!r})"


def _describe_places(places: Sequence[Mapping[str, str]]) -> str:
    names = [".".join(filter(None, (it.get("class"), it.get("method")))) for it in places]
    described = [
        f"{name or 'module-level code'} in {place['file']}"
        for name, place in zip(names, places, strict=True)
    ]
    return f"The change is in {'; '.join(described)}." if described else ""


def _dump(value: object) -> str:
    return json.dumps(value, indent=4, ensure_ascii=False)
