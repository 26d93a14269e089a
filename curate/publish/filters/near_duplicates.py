"""Nearest earlier text by shared word triples, exact (Jaccard), through an inverted index."""

import re
from collections import Counter, defaultdict

_WORD = re.compile(r"\w+")
_TOO_COMMON = 200  # texts that share a triple, above which it tells nothing


class Nearness:
    """Texts seen so far."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._sizes: list[int] = []
        self._places: dict[int, list[int]] = defaultdict(list)

    def add(self, name: str, text: str) -> None:
        """Remember *text*."""
        triples = _triples(text)
        for triple in triples:
            self._places[triple].append(len(self._names))
        self._names.append(name)
        self._sizes.append(len(triples))

    def nearest(self, text: str) -> tuple[str, float]:
        """The most like text seen so far and its likeness, 0 to 1; ("", 0) for none."""
        triples = _triples(text)
        shared: Counter[int] = Counter()
        for triple in triples:
            places = self._places.get(triple, ())
            if len(places) <= _TOO_COMMON:
                shared.update(places)
        like = {n: c / (len(triples) + self._sizes[n] - c) for n, c in shared.items()}
        best = max(like, key=lambda n: (like[n], -n), default=None)
        return ("", 0.0) if best is None else (self._names[best], like[best])


def _triples(text: str) -> set[int]:
    words = _WORD.findall(text.lower())
    return {hash(triple) for triple in zip(words, words[1:], words[2:], strict=False)}
