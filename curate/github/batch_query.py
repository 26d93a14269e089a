"""Many small lookups in few GraphQL queries, as aliased fields."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from curate.builders.rfc3339 import parse_rfc3339
from curate.core.model import PullRequest
from curate.github import queries
from curate.github.answers import LIST_DOES_NOT_GO_ON, PageCursors, checking_answer
from curate.github.client import GitHubClient, JsonObject, QueryResult
from curate.github.page_size import AdaptivePageSize
from curate.github.pulls import parse_any_pull, parse_closing_issues, repository_not_found
from curate.github.queries import QueryField
from curate.github.retry import MalformedAnswerError

LARGEST_BATCH = 50


def fetch_fields(
    client: GitHubClient, fields: Sequence[QueryField], size: AdaptivePageSize, *, home: str = ""
) -> Iterator[list[tuple[QueryField, JsonObject | None]]]:
    """Yield one list of (field, answer) per request, in order; None for missing objects.

    Answers have one more key, `askedRepository`: the repository's name as GitHub has it.

    An object that the token may not read is missing, too. Raises what
    `GitHubClient.query_adaptive` raises, and `NotFoundError` or `AuthenticationError` if the
    repository *home* is missing: a missing object in it would then mean nothing.
    """
    pending = list(fields)
    while pending:
        aliases: Sequence[tuple[str, str]] = ()

        def make_request() -> tuple[str, Mapping[str, Any]]:
            nonlocal aliases
            document, aliases = queries.build_query(pending[: size.value])  # noqa: B023
            return document, {}

        def parse(result: QueryResult) -> list[tuple[QueryField, JsonObject | None]]:
            return _read_answers(result, pending, aliases, home)  # noqa: B023

        answers = client.query_adaptive(make_request, size.shrink, parse)
        size.record_success()
        yield answers
        pending = pending[len(answers) :]


def _read_answers(
    result: QueryResult, fields: Sequence[QueryField], aliases: Sequence[tuple[str, str]], home: str
) -> list[tuple[QueryField, JsonObject | None]]:
    answers: list[tuple[QueryField, JsonObject | None]] = []
    for field, (repo, alias) in zip(fields, aliases, strict=False):
        parent = _find_parent(result.data, repo)
        if parent is None and home == field.repo != "":
            raise repository_not_found(home, result.denials.get(repo, ""))
        node = None if parent is None else parent[alias]
        if not isinstance(node, dict | None):
            raise TypeError(f"{alias} is not an object")
        name = parent.get("nameWithOwner", "") if parent else ""
        answers.append((field, {**node, "askedRepository": name} if node else None))
    return answers


def _find_parent(data: JsonObject, repo: str) -> JsonObject | None:
    """Return what has the fields of the alias *repo*; "" is the query itself."""
    if not data:
        return None
    parent: JsonObject | None = data[repo] if repo else data
    return parent


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
        found = {int(field.alias.removeprefix("p")): node for field, node in batch}
        yield {
            number: parse_any_pull({**node, "number": number}, repo, names) if node else None
            for number, node in found.items()
        }


def complete_pulls(
    client: GitHubClient, pulls: Sequence[PullRequest], *, commits: bool
) -> list[PullRequest]:
    """Fetch the remaining closing references of *pulls*.

    With *commits*, fetch all commit messages and the earliest author date, too. A PR whose lists
    are not as documented is returned as `malformed`.
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
    asked: set[QueryField] = set()
    while pending:
        asked.update(pending)
        next_fields: list[QueryField] = []
        batches = fetch_fields(client, pending, size, home=pulls[0].repo)
        for field, node in (pair for batch in batches for pair in batch):
            number = int(field.alias.removeprefix("closing").removeprefix("commits"))
            if node:
                try:
                    with checking_answer(node):
                        found[number], remaining = _extend_pull(found[number], field, node)
                    if not asked.isdisjoint(remaining):
                        raise MalformedAnswerError(LIST_DOES_NOT_GO_ON)
                except MalformedAnswerError as error:
                    found[number] = replace(found[number], malformed=str(error))
                    continue
                next_fields += remaining
        pending = next_fields
    return list(found.values())


def _extend_pull(
    pull: PullRequest, field: QueryField, node: JsonObject
) -> tuple[PullRequest, list[QueryField]]:
    """Add one page of a list to *pull*; also return the field for the next page, if any."""
    page = node["list"]
    cursor = PageCursors().find_next(page)
    if field.alias.startswith("commits"):
        authored = [it["commit"] for it in page["nodes"] if it]
        messages = tuple(it["message"] or "" for it in authored)
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
