"""Most similar earlier text: exact Jaccard index of word triples, with an inverted index."""

import re
from collections import Counter, defaultdict

_WORD = re.compile(r"\w+")
_MAX_POSTINGS = 200  # a triple in more texts is ignored as too common


class JaccardIndex:
    """An inverted index of texts by word triples."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._sizes: list[int] = []
        self._postings: dict[int, list[int]] = defaultdict(list)

    def add(self, name: str, text: str) -> None:
        """Add *text* under *name*."""
        triples = _word_triples(text)
        for triple in triples:
            self._postings[triple].append(len(self._names))
        self._names.append(name)
        self._sizes.append(len(triples))

    def most_similar(self, text: str) -> tuple[str, float]:
        """Return (name, Jaccard index from 0 to 1) of the most similar text; ("", 0) for none."""
        triples = _word_triples(text)
        shared: Counter[int] = Counter()
        for triple in triples:
            postings = self._postings.get(triple, ())
            if len(postings) <= _MAX_POSTINGS:
                shared.update(postings)
        similarities = {n: c / (len(triples) + self._sizes[n] - c) for n, c in shared.items()}
        best = max(similarities, key=lambda n: (similarities[n], -n), default=None)
        return ("", 0.0) if best is None else (self._names[best], similarities[best])


def _word_triples(text: str) -> set[int]:
    words = _WORD.findall(text.lower())
    return {hash(triple) for triple in zip(words, words[1:], words[2:], strict=False)}
