"""Many small lookups in few GraphQL queries, as aliased fields."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from curate.builders.rfc3339 import parse_rfc3339
from curate.core.model import PullRequest
from curate.github import queries
from curate.github.client import GitHubClient, JsonObject
from curate.github.page_size import AdaptivePageSize
from curate.github.pulls import parse_closing_issues, parse_pull, repository_not_found
from curate.github.queries import QueryField

LARGEST_BATCH = 50


def fetch_fields(
    client: GitHubClient, fields: Sequence[QueryField], size: AdaptivePageSize, *, home: str = ""
) -> Iterator[list[tuple[QueryField, JsonObject | None]]]:
    """Yield one list of (field, answer) per request, in order; None for missing objects.

    Answers have one more key, `askedRepository`: the repository's name as GitHub has it.

    Raises what `GitHubClient.query` raises, and `NotFoundError` if the repository *home* does not
    exist: a missing object in it would then mean nothing.
    """
    pending = list(fields)
    while pending:
        aliases: Sequence[tuple[str, str]] = ()

        def make_request() -> tuple[str, Mapping[str, Any]]:
            nonlocal aliases
            document, aliases = queries.build_query(pending[: size.value])  # noqa: B023
            return document, {}

        data = client.query_adaptive(make_request, size.shrink)
        size.record_success()
        batch = zip(pending, aliases, strict=False)
        if any(home == field.repo != "" and data.get(repo) is None for field, (repo, _) in batch):
            raise repository_not_found(home)
        answers = [_read_answer(data, repo, alias) for repo, alias in aliases]
        yield list(zip(pending, answers, strict=False))
        pending = pending[len(aliases) :]


def _read_answer(data: JsonObject, repo: str, alias: str) -> JsonObject | None:
    parent = (data.get(repo) or {}) if repo else data
    node = parent.get(alias)
    return {**node, "askedRepository": parent.get("nameWithOwner", "")} if node else None


def fetch_pulls(
    client: GitHubClient, repo: str, numbers: Sequence[int], names: Mapping[str, str]
) -> Iterator[dict[int, PullRequest | None]]:
    """Fetch merged PRs by number, 50 per request; None if a PR is gone.

    *names* maps case-folded repository names to the spelling to use. Raises what `fetch_fields`
    raises.
    """
    size = AdaptivePageSize(LARGEST_BATCH, smallest=1)
    fields = [queries.pull_field(repo, number) for number in numbers]
    for batch in fetch_fields(client, fields, size, home=repo):
        yield {
            int(field.alias.removeprefix("p")): parse_pull(node, repo, names) if node else None
            for field, node in batch
        }


def complete_pulls(
    client: GitHubClient, pulls: Sequence[PullRequest], *, commits: bool
) -> list[PullRequest]:
    """Fetch the remaining closing references of *pulls*.

    With *commits*, fetch all commit messages and the earliest author date, too.
    """
    found = {pull.number: replace(pull, closing_cursor=None) for pull in pulls}
    pending: list[QueryField] = []
    for pull in pulls:
        if pull.closing_cursor:
            pending.append(
                queries.closing_issues_field(pull.repo, pull.number, pull.closing_cursor)
            )
        if commits:
            pending.append(queries.commits_field(pull.repo, pull.number, None))
    size = AdaptivePageSize(LARGEST_BATCH, smallest=1)
    while pending:
        next_fields: list[QueryField] = []
        batches = fetch_fields(client, pending, size, home=pulls[0].repo)
        for field, node in (pair for batch in batches for pair in batch):
            number = int(field.alias.removeprefix("closing").removeprefix("commits"))
            if node:
                found[number], remaining = _extend_pull(found[number], field, node)
                next_fields += remaining
        pending = next_fields
    return list(found.values())


def _extend_pull(
    pull: PullRequest, field: QueryField, node: JsonObject
) -> tuple[PullRequest, list[QueryField]]:
    """Add one page of a list to *pull*; also return the field for the next page, if any."""
    page = node["list"]
    cursor = page["pageInfo"]["endCursor"] if page["pageInfo"]["hasNextPage"] else None
    if field.alias.startswith("commits"):
        authored = [it["commit"] for it in page["nodes"] if it]
        messages = tuple(it["message"] for it in authored)
        times = [pull.first_commit_at, *(parse_rfc3339(it["authoredDate"]) for it in authored)]
        first_commit = min((it for it in times if it), default=None)
        pull = replace(
            pull, commit_messages=pull.commit_messages + messages, first_commit_at=first_commit
        )
        next_fields = queries.commits_field(pull.repo, pull.number, cursor) if cursor else None
    else:
        names = {node["repository"]["nameWithOwner"].casefold(): pull.repo}
        pull = replace(pull, closing=pull.closing + parse_closing_issues(page, pull.repo, names))
        next_fields = (
            queries.closing_issues_field(pull.repo, pull.number, cursor) if cursor else None
        )
    return pull, [next_fields] if next_fields else []
