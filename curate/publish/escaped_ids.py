"""Lists of test ids, escaped as they are published: thousands a row, nearly all of them plain."""

import re
from collections.abc import Sequence

from curate.builders.pytest_plugin.test_ids import escape_test_id

# What is not escaped, besides line feeds between ids, and spaces.
_PLAIN = bytes(sorted({*range(0x20, 0x7F), 0x0A} - {*b"%\\"}))
_UNCLOSED = re.compile(r"\[[^\[\]\n]*(?:\[|$)", re.MULTILINE)  # or nested: they are counted then


def escape_test_ids(node_ids: Sequence[str]) -> list[str]:
    """Return `escape_test_id` of each; if only spaces are escaped, of all at once."""
    joined = "\n".join(node_ids)
    odd_bytes = joined.encode("utf-8", "surrogatepass").translate(None, _PLAIN)
    is_joined = joined.count("\n") == len(node_ids) - 1
    if odd_bytes or not is_joined or _UNCLOSED.search(joined):
        return list(map(escape_test_id, node_ids))
    return joined.replace(" ", "%20").split("\n")
