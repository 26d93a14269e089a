"""What filters know of a row by itself, as it is kept in the store."""

import json
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

ReasonDetail = tuple[str, str]  # (reason, detail)


@dataclass(frozen=True, kw_only=True)
class ExaminedRow:
    """What filters know of a row: reasons of its own, and what it is compared with others by."""

    instance_id: str
    created_at: str
    digest: bytes = b""  # of `digest_row`
    reasons: Sequence[ReasonDetail]
    triples: Sequence[int] = ()  # of `hash_word_triples`; empty if texts are not compared

    def pack(self) -> bytes:
        """Return the bytes that `unpack_examined` reads."""
        head = [self.instance_id, self.created_at, self.digest.hex(), self.reasons]
        return json.dumps(head).encode() + b"\n" + array("Q", self.triples).tobytes()

    @property
    def age(self) -> tuple[str, str]:
        """Sorts the oldest first."""
        return self.created_at, self.instance_id


def unpack_examined(packed: bytes) -> ExaminedRow:
    """Return the row that `ExaminedRow.pack` packed."""
    head, _, hashes = packed.partition(b"\n")
    name, created_at, digest, reasons = json.loads(head)
    triples = array("Q")
    triples.frombytes(hashes)
    return ExaminedRow(
        instance_id=name,
        created_at=created_at,
        digest=bytes.fromhex(digest),
        reasons=[(reason, detail) for reason, detail in reasons],
        triples=triples,
    )
