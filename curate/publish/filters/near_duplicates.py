"""Nearest earlier text by shared word triples, exact (Jaccard), through an inverted index."""

import re
from collections import Counter, defaultdict

_WORD = re.compile(r"\w+")
_MAX_POSTINGS = 200  # texts that share a triple, above which it tells nothing


class JaccardIndex:
    """Texts seen so far."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._sizes: list[int] = []
        self._places: dict[int, list[int]] = defaultdict(list)

    def add(self, name: str, text: str) -> None:
        """Remember *text*."""
        triples = _word_triples(text)
        for triple in triples:
            self._places[triple].append(len(self._names))
        self._names.append(name)
        self._sizes.append(len(triples))

    def most_similar(self, text: str) -> tuple[str, float]:
        """The most like text seen so far and its likeness, 0 to 1; ("", 0) for none."""
        triples = _word_triples(text)
        shared: Counter[int] = Counter()
        for triple in triples:
            places = self._places.get(triple, ())
            if len(places) <= _MAX_POSTINGS:
                shared.update(places)
        similarities = {n: c / (len(triples) + self._sizes[n] - c) for n, c in shared.items()}
        best = max(similarities, key=lambda n: (similarities[n], -n), default=None)
        return ("", 0.0) if best is None else (self._names[best], similarities[best])


def _word_triples(text: str) -> set[int]:
    words = _WORD.findall(text.lower())
    return {hash(triple) for triple in zip(words, words[1:], words[2:], strict=False)}
