"""GitHub's search of repositories: qualifiers, its default of leaving forks out, its cap."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from tests.doubles.github.connection import paged
from tests.doubles.github.data import Json, Repository
from tests.doubles.github.refusal import RefusalError
from tests.doubles.github.things import Thing, rule

CAP = 1000


@rule("Query.search")
def _search(_: Any, info: Any, *, query: str, type: str, **arguments: Any) -> Json:
    if type != "REPOSITORY":
        raise LookupError("the double searches repositories only")
    words = [word for word in query.split() if not word.startswith("sort:")]
    tests = [_test(word) for word in words]
    if not any(word.startswith("fork:") for word in words):
        tests.append(lambda it: not it.facts.get("isFork"))
    found = [it for it in info.context.world if all(test(it) for test in tests)]
    found.sort(key=lambda it: (-it.facts.get("stargazerCount", 0), it.name))
    shown = [
        Thing("Repository", {**it.facts, "position": place}, it)
        for place, it in enumerate(found[:CAP], start=1)
    ]
    page = paged(shown, lambda it: (it.data["position"],), arguments)
    nothing = dict.fromkeys(("code", "discussion", "issue", "user", "wiki"), 0)
    counts = {f"{name}Count": count for name, count in nothing.items()}
    return {**page, **counts, "repositoryCount": len(found)}


def _test(word: str) -> Callable[[Repository], bool]:
    name, _, value = word.partition(":")
    match name:
        case "stars":
            return lambda it: _inside(it.facts.get("stargazerCount", 0), value, int)
        case "created":
            return lambda it: _inside(_time(it.facts["createdAt"]), value, _time)
        case "language":
            return lambda it: it.facts.get("language", "Python").lower() == value.lower()
        case "fork" | "archived":
            key = {"fork": "isFork", "archived": "isArchived"}[name]
            return lambda it: bool(it.facts.get(key)) == (value == "true") or value == "only"
        case "license":
            return lambda it: (it.facts.get("license") or "").lower() == value.lower()
    raise RefusalError("ARGUMENT_ERROR", f"the double does not know the qualifier {word!r}")


def _inside(value: Any, span: str, read: Callable[[str], Any]) -> bool:
    if ".." in span:
        low, high = span.split("..")
        return (low == "*" or read(low) <= value) and (high == "*" or value <= read(high))
    sign, limit = re.fullmatch(r"([<>]?=?)(.+)", span).groups()  # type: ignore[union-attr]
    bound = read(limit)
    return bool(
        {
            ">": value > bound,
            ">=": value >= bound,
            "<": value < bound,
            "<=": value <= bound,
            "": value == bound,
        }[sign]
    )


def _time(text: str) -> datetime:
    read = datetime.fromisoformat(text)
    return read if read.tzinfo else datetime.fromisoformat(f"{text}T00:00:00Z")


@rule("Repository.languages")
def _languages(source: Thing, _: Any, **arguments: Any) -> Json:
    sizes = source.data.get("languages") or {source.data.get("language", "Python"): 1000}
    kinds = [Thing("Language", {"name": name, "size": size}) for name, size in sizes.items()]
    descending = (arguments.get("orderBy") or {}).get("direction") == "DESC"
    page = paged(
        kinds, lambda it: (it.data["size"], it.data["name"]), arguments, descending=descending
    )
    edges = [{**edge, "size": edge["node"].data["size"]} for edge in page["edges"]]
    return {**page, "edges": edges, "totalSize": sum(sizes.values())}
