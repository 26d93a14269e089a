"""Why an id names no candidate."""

from curate.core.errors import NotFoundError
from curate.core.names import parse_pull_name
from curate.core.near_words import find_near_id
from curate.store.store import Store

_LIST = "List them: curate list"


def is_store_empty(store: Store) -> bool:
    """Whether nothing has been crawled."""
    return not store.list_repositories() and not next(store.iter_candidates(), None)


def explain_unknown_id(store: Store, instance: str) -> NotFoundError:
    """Return the error for an id that is no candidate: what it is instead, and what to do."""
    if is_store_empty(store):
        return NotFoundError(
            f"Unknown id {instance}: the store in {store.folder} is empty.",
            hint="Start with: curate crawl OWNER/NAME",
        )
    repo, number = parse_pull_name(instance) or ("", 0)
    rejection = store.get_rejection(repo, number) if repo else None
    if rejection:
        return NotFoundError(
            f"{instance} is no candidate: it was rejected as {rejection.stage}/{rejection.reason}.",
            hint=f"See the PR: curate show {instance}",
        )
    near = find_near_id(instance, store.candidate_repositories())
    forms = "Ids look like owner__name-123, owner/name#123 or the address of the PR."
    return NotFoundError(
        f"Unknown id {instance}.",
        hint=f"Perhaps you meant {near}? {_LIST}" if near else f"{forms} {_LIST}",
    )
