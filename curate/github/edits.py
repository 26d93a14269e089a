"""Earlier versions of the texts of issues and comments."""

from collections.abc import Sequence

from curate.builders.rfc3339 import parse_rfc3339
from curate.core.model import TextEdit
from curate.github import queries
from curate.github.answers import PageCursors, checking_answer
from curate.github.batch_query import fetch_fields
from curate.github.client import GitHubClient, JsonObject
from curate.github.page_size import AdaptivePageSize
from curate.github.retry import MalformedAnswerError

Edits = tuple[TextEdit, ...]

TEXTS_PER_REQUEST = 100
"""Of a first request; where GitHub does not answer in its ten seconds, the next one has half."""


def make_text_batch_size() -> AdaptivePageSize:
    """Return the number of texts of a request, which begins at `TEXTS_PER_REQUEST`."""
    return AdaptivePageSize(TEXTS_PER_REQUEST, smallest=1)


def fetch_edits(
    client: GitHubClient, node_ids: Sequence[str], size: AdaptivePageSize | None = None
) -> dict[str, Edits]:
    """Fetch all versions of issues and comments by node id, oldest first.

    A text that is gone, or whose history GitHub does not show, has no versions. A *size* that calls
    share remembers what GitHub answers in time. Raises what `GitHubClient.query_adaptive` raises.
    """
    found: dict[str, Edits] = dict.fromkeys(node_ids, ())
    cursors: dict[str, str | None] = dict.fromkeys(node_ids)
    pages = {node_id: PageCursors() for node_id in cursors}
    size = size or make_text_batch_size()
    while cursors:
        pending = list(cursors)
        fields = [
            queries.edits_field(f"e{index}", node_id, cursors[node_id])
            for index, node_id in enumerate(pending)
        ]
        nodes = [node for batch in fetch_fields(client, fields, size) for _, node in batch]
        cursors = {}
        for node_id, node in zip(pending, nodes, strict=True):
            page = (node or {}).get("userContentEdits")
            try:
                with checking_answer(page):
                    found[node_id] += _parse_edits(page) if page else ()
                    cursor = pages[node_id].find_next(page) if page else None
            except MalformedAnswerError as error:
                client.warn(f"an edit history is ignored: {error}")
                found[node_id], cursor = (), None
            if cursor:
                pages[node_id].add(cursor)
                cursors[node_id] = cursor
    return {
        node_id: tuple(sorted(edits, key=lambda edit: edit.edited_at))
        for node_id, edits in found.items()
    }


def _parse_edits(page: JsonObject) -> Edits:
    """Parse a page; GitHub's `diff` is the whole text, and null if the edit was deleted."""
    return tuple(
        TextEdit(
            edited_at=parse_rfc3339(node["editedAt"]),
            text=None if node["deletedAt"] else node["diff"],
        )
        for node in page["nodes"] or ()
        if node
    )
