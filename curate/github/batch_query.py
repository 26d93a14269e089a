"""Many small questions in few requests: fields by alias, as many as one answer can bear."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from builders.rfc3339 import parse_rfc3339
from curate.core.model import PullRequest
from curate.github import queries
from curate.github.client import Data, GitHubClient
from curate.github.page_size import BatchSize
from curate.github.pulls import no_repository, references
from curate.github.queries import Part

LARGEST_BATCH = 50


def asked(
    client: GitHubClient, parts: Sequence[Part], size: BatchSize, *, home: str = ""
) -> Iterator[list[tuple[Part, Data | None]]]:
    """Answers in the order of *parts*, one list a request; None for what is not there.

    Raises what `GitHubClient.query` raises, and `NotFound` when the repository *home* is gone:
    then nothing may be concluded from what is not there.
    """
    left = list(parts)
    while left:
        places: Sequence[tuple[str, str]] = ()

        def ask() -> tuple[str, Mapping[str, Any]]:
            nonlocal places
            text, places = queries.document(left[: size.value])  # noqa: B023
            return text, {}

        data = client.query_sized(ask, size.shrink)
        size.succeeded()
        asked_now = zip(left, places, strict=False)
        if any(part.repo == home and data.get(repo) is None for part, (repo, _) in asked_now):
            raise no_repository(home)
        answers = [(data.get(repo) or {}).get(alias) for repo, alias in places]
        yield list(zip(left, answers, strict=False))
        left = left[len(places) :]


def completed(
    client: GitHubClient, pulls: Sequence[PullRequest], *, commits: bool
) -> list[PullRequest]:
    """*pulls* with all references that GitHub lists and, if *commits*, what their commits say.

    That is every message, and when the first was written.
    """
    found = {pull.number: replace(pull, closing_cursor=None) for pull in pulls}
    left: list[Part] = []
    for pull in pulls:
        if pull.closing_cursor:
            left.append(queries.closing(pull.repo, pull.number, pull.closing_cursor))
        if commits:
            left.append(queries.commits(pull.repo, pull.number, None))
    size = BatchSize(LARGEST_BATCH, smallest=1)
    while left:
        more: list[Part] = []
        batches = asked(client, left, size, home=pulls[0].repo)
        for part, node in (pair for batch in batches for pair in batch):
            number = int(part.alias.removeprefix("closing").removeprefix("commits"))
            if node:
                found[number], rest = _longer(found[number], part, node)
                more += rest
        left = more
    return list(found.values())


def _longer(pull: PullRequest, part: Part, node: Data) -> tuple[PullRequest, list[Part]]:
    """*pull* with one page more of a list, and the part that asks for the next one."""
    page = node["list"]
    cursor = page["pageInfo"]["endCursor"] if page["pageInfo"]["hasNextPage"] else None
    if part.alias.startswith("commits"):
        made = [it["commit"] for it in page["nodes"] if it]
        said = tuple(it["message"] for it in made)
        times = [pull.begun_at, *(parse_rfc3339(it["authoredDate"]) for it in made)]
        begun = min((it for it in times if it), default=None)
        pull = replace(pull, commit_messages=pull.commit_messages + said, begun_at=begun)
        rest = queries.commits(pull.repo, pull.number, cursor) if cursor else None
    else:
        names = {node["repository"]["nameWithOwner"].casefold(): pull.repo}
        pull = replace(pull, closing=pull.closing + references(page, pull.repo, names))
        rest = queries.closing(pull.repo, pull.number, cursor) if cursor else None
    return pull, [rest] if rest else []
