"""Examples of rejections: three for each reason, with the end of the log that explains them."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from curate.builders.process.digest import content_hash
from curate.core.errors import StoreError
from curate.core.names import pull_address
from curate.store import Store
from curate.store.listing import ListedPull
from curate.store.stored_logs import StoredLog, find_explaining_log, read_log

EXAMPLES = 3  # of each reason
_LINES, _LINE_LENGTH, _DETAIL_LENGTH = 20, 300, 600
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, kw_only=True)
class Example:
    """A rejected pull request or candidate."""

    instance_id: str
    address: str  # of the pull request
    is_candidate: bool  # whether the site has a page of it
    detail: str
    log_title: str = ""
    log_tail: str = ""


def choose_examples(rejected: Iterable[ListedPull]) -> dict[str, list[ListedPull]]:
    """Return up to `EXAMPLES` of *rejected* for each "stage/reason".

    They are the newest ones, of as many repositories as possible. *rejected* is ordered by
    repository and number; only a few of each are kept.
    """
    newest: dict[str, dict[str, list[ListedPull]]] = defaultdict(lambda: defaultdict(list))
    for one in rejected:
        of_repo = newest[f"{one.stage}/{one.reason}"][one.repo]
        of_repo.append(one)
        del of_repo[:-EXAMPLES]
    return {why: _spread(why, list(by_repo.values())) for why, by_repo in newest.items()}


def _spread(why: str, by_repo: Sequence[Sequence[ListedPull]]) -> list[ListedPull]:
    """Return the newest of each repository first, then the second newest, and so on.

    The order of repositories differs from reason to reason.
    """
    ranked = [
        (rank, content_hash(why, one.repo), one)
        for them in by_repo
        for rank, one in enumerate(reversed(them))
    ]
    ranked.sort(key=lambda it: it[:2])
    return [one for *_, one in ranked[:EXAMPLES]]


def read_examples(
    store: Store, chosen: Mapping[str, Sequence[ListedPull]], api_url: str
) -> dict[str, list[Example]]:
    """Return *chosen* with what is stored of them."""
    return {
        why: [_read_example(store, one, api_url) for one in them] for why, them in chosen.items()
    }


def _read_example(store: Store, one: ListedPull, api_url: str) -> Example:
    address = pull_address(one.repo, one.number, api_url)
    validation = None if one.stage == "crawl" else store.get_validation(one.instance_id)
    if validation is None or validation.verdict.rejection is None:
        detail = clean_text(one.detail)[:_DETAIL_LENGTH]
        return Example(
            instance_id=one.instance_id, address=address, is_candidate=False, detail=detail
        )
    log = find_explaining_log(validation)
    return Example(
        instance_id=one.instance_id,
        address=address,
        is_candidate=True,
        detail=clean_text(validation.verdict.rejection.detail)[:_DETAIL_LENGTH],
        log_title=log.title if log else "",
        log_tail=_read_tail(store, log) if log else "",
    )


def _read_tail(store: Store, log: StoredLog) -> str:
    try:
        text = clean_text(read_log(store, log))
    except StoreError as error:
        return str(error)
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return "\n".join(_cut(line) for line in lines[-_LINES:])


def _cut(line: str) -> str:
    return line if len(line) <= _LINE_LENGTH else f"{line[:_LINE_LENGTH]}…"


def clean_text(text: str) -> str:
    """Return *text* without colours and control characters of terminals."""
    return _CONTROL.sub("", _ESCAPE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))
