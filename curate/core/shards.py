"""Shards: parts of the work that different machines do, without talking to each other."""

import hashlib
import re
from dataclasses import dataclass

from curate.core.errors import ConfigurationError

MAX_SHARDS = 100_000
_HINT = "Write it as I/N, with I from 1 to N, such as 3/24; Slurm: --array=1-24."


@dataclass(frozen=True, kw_only=True)
class Shard:
    """The part *index*, from 1 on, of *count* parts."""

    index: int
    count: int

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def contains(self, *key: str) -> bool:
        """Whether what *key* names is in this shard; it is in one of all, on every machine."""
        digest = hashlib.sha256("\0".join(key).encode("utf-8", "surrogateescape")).digest()
        return int.from_bytes(digest[:16], "big") % self.count == self.index - 1


def parse_shard(text: str) -> Shard:
    """Return the shard that *text* names, as in "3/24"; raises ConfigurationError."""
    match = re.fullmatch(r"([0-9]{1,20})/([0-9]{1,20})", text)
    if not match:
        raise ConfigurationError(f"Invalid --shard {text!r}.", hint=_HINT)
    index, count = int(match[1]), int(match[2])
    if not 1 <= count <= MAX_SHARDS:
        raise ConfigurationError(
            f"Invalid --shard {text!r}: the number of shards is from 1 to {MAX_SHARDS:,}.",
            hint=_HINT,
        )
    if index == 0:
        raise ConfigurationError(
            f"Invalid --shard {text!r}: shards are numbered from 1 to {count:,}.",
            hint="An array that starts at 0 needs one more, as in --shard $((INDEX + 1))/24.",
        )
    if index > count:
        raise ConfigurationError(
            f"Invalid --shard {text!r}: there is no shard {index:,} of {count:,}.", hint=_HINT
        )
    return Shard(index=index, count=count)
