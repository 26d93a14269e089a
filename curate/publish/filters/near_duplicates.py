"""Near-duplicates: the most similar earlier text by the exact Jaccard index of word triples.

Of two sets whose index reaches a threshold, the first members in any common order share one, if
enough of them are compared (prefix filtering). The order is from rare to common, so few texts share
one by chance, and only those that do are compared in full.
"""

import hashlib
import math
import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

_WORD = re.compile(r"\w+")
_SAMPLE_SIZE = 200  # texts in which common triples are counted
_EPSILON = 1e-9  # keeps 0.9 * 10 from being more than 9


class JaccardIndex:
    """Texts by name, as their word triples; finds those whose index reaches *threshold*.

    *common* are triples that many texts have (of `find_common_triples`). They decide what is
    compared and how long that takes, not what is found.
    """

    def __init__(self, threshold: float, common: Mapping[int, int]) -> None:
        self._threshold, self._common = threshold, common
        self._names: list[str] = []
        self._triples: list[Sequence[int]] = []
        self._postings: dict[int, list[int]] = defaultdict(list)

    def find_and_add(self, name: str, triples: Sequence[int]) -> tuple[str, float]:
        """Return (name, Jaccard index) of the most similar text, of equals the one added first.

        ("", 0) if none reaches the threshold; then the text is added under *name*. *triples* are
        those of `hash_word_triples`.
        """
        prefix = self._prefix(triples)
        best = self._find_most_similar(triples, prefix)
        if not best[0]:
            for triple in prefix:
                self._postings[triple].append(len(self._names))
            self._names.append(name)
            self._triples.append(triples)
        return best

    def _find_most_similar(
        self, triples: Sequence[int], prefix: Sequence[int]
    ) -> tuple[str, float]:
        sharing = {number for triple in prefix for number in self._postings.get(triple, ())}
        own, best = set(triples), ("", 0.0)
        for number in sorted(sharing):
            others = self._triples[number]
            if not self._may_reach(own, others):
                continue
            shared = len(own.intersection(others))
            similarity = shared / (len(own) + len(others) - shared)
            if similarity >= self._threshold and similarity > best[1]:
                best = self._names[number], similarity
        return best

    def _may_reach(self, own: set[int], others: Sequence[int]) -> bool:
        """Whether the threshold can be reached, judged by the first of *others*.

        Triples are sorted by hash, so the first ones are as good as drawn by chance: those of
        different texts soon have more strangers than similar ones may have in all.
        """
        both = len(own) + len(others)
        required = self._threshold / (1 + self._threshold) * both - _EPSILON
        if required > min(len(own), len(others)):
            return False
        most_strange = len(others) - math.ceil(required)
        first = others[: 2 * most_strange + 1]
        return len(first) - len(own.intersection(first)) <= most_strange

    def _prefix(self, triples: Sequence[int]) -> Sequence[int]:
        """The first triples, rare ones first: a similar text must have one among its own first."""
        required = math.ceil(self._threshold * len(triples) - _EPSILON)
        length = len(triples) - required + 1
        rare = [triple for triple in triples if triple not in self._common][:length]
        if len(rare) == length:
            return rare
        common = (triple for triple in triples if triple in self._common)
        return (rare + sorted(common, key=self._common.__getitem__))[:length]


def find_common_triples(texts: Sequence[Sequence[int]]) -> dict[int, int]:
    """Return how many of a sample of *texts* have a triple, for triples of more than one."""
    step = max(1, len(texts) // _SAMPLE_SIZE)
    counts = Counter(triple for triples in texts[::step] for triple in triples)
    return {triple: count for triple, count in counts.items() if count > 1}


def hash_word_triples(text: str) -> "array[int]":
    """Return the sorted hashes of the triples of successive words in *text*, each once."""
    words = _WORD.findall(text.lower())
    encoded = [word.encode("utf-8", "surrogatepass") for word in words]
    triples = set(zip(encoded, encoded[1:], encoded[2:], strict=False))
    return array("Q", sorted(_hash(b" ".join(triple)) for triple in triples))


def _hash(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")
