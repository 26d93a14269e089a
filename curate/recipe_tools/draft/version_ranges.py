"""Version ranges in which facts hold, from the commits at which they were found.

Between two commits that differ, a range begins with the version of the later one. Where a fact
makes no difference, it may hold, so that there are fewer ranges.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from packaging.version import InvalidVersion, Version

from curate.recipe_tools.draft.facts import SOURCES, is_harmless, pick_facts
from curate.recipe_tools.draft.observe import Observation

MAX_RANGES = 6
"""So many ranges a draft has at most; facts hold in a wider range where there would be more."""

_ALWAYS_NEEDED = frozenset(
    {"projects", "install", "rebuilt", "plugins", *SOURCES}
)  # wherever they are found
_TOLERANT = frozenset(
    {"projects", "plugins", "system_packages", *SOURCES}
)  # do little harm elsewhere
_MIN_SHARE = 1 / 2  # of the commits of its range at which another fact must be found
_FEW = 1 / 10  # of all commits: where a tolerant fact may hold without being found


@dataclass(frozen=True, kw_only=True)
class DraftValue:
    """A value of a recipe and its origin."""

    value: str
    reason: str


@dataclass(kw_only=True)
class FactSpan:
    """The versions, by their index from `first` to before `end`, in which a fact holds."""

    kind: str
    fact: DraftValue
    first: int
    end: int


@dataclass(frozen=True, kw_only=True)
class RangeDraft:
    """One version range, from `first` to before `end`, and the facts that hold in it, by kind."""

    first: str = ""  # "" = no lower bound
    end: str = ""  # "" = no upper bound
    facts: Mapping[str, tuple[DraftValue, ...]] = field(default_factory=dict)

    @property
    def versions(self) -> str:
        """Specifier of the range; "" for all versions."""
        bounds = ((">=", self.first), ("<", self.end))
        return ",".join(f"{operator}{version}" for operator, version in bounds if version)


def find_ranges(
    observations: Sequence[Observation], get_version: Callable[[Observation], str]
) -> tuple[RangeDraft, ...]:
    """Return the version ranges of *observations*, oldest version first; at least one."""
    versions = sorted({_parse_version(get_version(it)) for it in observations})
    places = [versions.index(_parse_version(get_version(it))) for it in observations]
    spans = _find_spans(observations, places, len(versions))
    cuts = _reduce_cuts(spans, len(versions))
    bounds = [0, *cuts, len(versions)]
    ranges = []
    for first, end in pairwise(bounds):
        facts: dict[str, tuple[DraftValue, ...]] = {}
        for span in spans:
            if span.first <= first and end <= span.end:
                facts[span.kind] = (*facts.get(span.kind, ()), span.fact)
        lower = str(versions[first]) if first else ""
        upper = str(versions[end]) if end < len(versions) else ""
        ranges.append(RangeDraft(first=lower, end=upper, facts=facts))
    return tuple(_merge_equal(ranges))


def _merge_equal(ranges: Sequence[RangeDraft]) -> list[RangeDraft]:
    """Merge neighbours with the same facts."""
    merged: list[RangeDraft] = []
    for each in ranges:
        if merged and merged[-1].facts == each.facts:
            merged[-1] = replace(merged[-1], end=each.end)
        else:
            merged.append(each)
    return merged


def _parse_version(text: str) -> Version:
    try:
        return Version(text or "0.0")
    except InvalidVersion:
        return Version("0.0")


def _find_spans(
    observations: Sequence[Observation], places: Sequence[int], count: int
) -> list[FactSpan]:
    """Return the span of every fact that is found often enough, in order of first appearance."""
    picked = [pick_facts(it) for it in observations]
    every = dict.fromkeys(fact for facts in picked for fact in facts)
    spans = []
    for fact in every:
        found = [fact in facts for facts in picked]
        free = [not it and is_harmless(o, fact) for it, o in zip(found, observations, strict=True)]
        span = _find_span(fact[0], places, found, free)
        if span and _is_dense(fact[0], places, found, free, span, count):
            reason = _format_reason(
                [facts[fact] for facts in picked if fact in facts],
                [it.date.year for it, was in zip(observations, found, strict=True) if was],
            )
            value = DraftValue(value=fact[1], reason=reason)
            spans.append(FactSpan(kind=fact[0], fact=value, first=span[0], end=span[1]))
    return _separate_variables(spans)


def _find_span(
    kind: str, places: Sequence[int], found: Sequence[bool], free: Sequence[bool]
) -> tuple[int, int]:
    """Return the first version of a fact and the one after its last."""
    count = max(places) + 1
    inside = [place for place, was in zip(places, found, strict=True) if was]
    without = [p for p, was, any_ in zip(places, found, free, strict=True) if not (was or any_)]
    first, last = min(inside), max(inside)
    before = [place for place in without if place < first]
    after = [place for place in without if place > last]
    few = max(1, _FEW * len(places)) if kind in _TOLERANT else 0
    start = max(before) + 1 if len(before) > few else 0
    end = min(after) if len(after) > few else count
    return start, end


def _is_dense(
    kind: str,
    places: Sequence[int],
    found: Sequence[bool],
    free: Sequence[bool],
    span: tuple[int, int],
    count: int,
) -> bool:
    """Whether the fact is found at enough of the commits of its *span*."""
    if kind in _ALWAYS_NEEDED:
        return True
    if kind == "options" and all(was or any_ for was, any_ in zip(found, free, strict=True)):
        return sum(found) >= len(found) / 3  # it does no harm where it is not found
    inside = [
        was
        for place, was, any_ in zip(places, found, free, strict=True)
        if span[0] <= place < span[1] and not any_
    ]
    is_single = sum(found) == 1 and len(found) > 2 and span[0] > 0 and span[1] < count
    return sum(inside) >= _MIN_SHARE * len(inside) and not is_single


def _separate_variables(spans: Sequence[FactSpan]) -> list[FactSpan]:
    """End the span of a variable's value where its next value begins."""
    kept: list[FactSpan] = []
    for span in spans:
        name, equals, _ = span.fact.value.partition("=")
        for other in kept if span.kind.endswith("env_vars") and equals else ():
            if other.kind == span.kind and other.fact.value.startswith(f"{name}="):
                if other.first < span.first:
                    other.end = min(other.end, span.first)
                else:
                    span.end = min(span.end, other.first)
        kept.append(span)
    return [span for span in kept if span.first < span.end]


def _reduce_cuts(spans: Sequence[FactSpan], count: int) -> list[int]:
    """Return the sorted inner bounds of *spans*, after moving the nearest ones together."""
    while True:
        inner = sorted({it for span in spans for it in (span.first, span.end)} - {0, count})
        if len(inner) < MAX_RANGES:
            return inner
        low, high = min(pairwise(inner), key=lambda pair: (pair[1] - pair[0], pair[0]))
        for span in spans:
            span.first = low if span.first == high else span.first
            span.end = high if span.end == low else span.end
        following = min((it for it in inner if it > high), default=count)
        _use_one_cut(spans, low, high, following)


def _use_one_cut(spans: Sequence[FactSpan], low: int, high: int, following: int) -> None:
    """Where some spans still begin at *low* and others end at *high*, let one bound serve both."""
    narrow = [span for span in spans if (span.first, span.end) == (low, high)]
    for span in narrow:
        span.end = following
    if not any(span.first == low for span in spans) or not any(span.end == high for span in spans):
        return
    for span in spans:
        if narrow:
            span.end = low if span.end == high else span.end
        else:
            span.first = high if span.first == low else span.first


def _format_reason(origins: Iterable[str], years: Sequence[int]) -> str:
    distinct = list(dict.fromkeys(origins))
    more = f" and {len(distinct) - 2} more" if len(distinct) > 2 else ""
    first, last = min(years), max(years)
    return f"{', '.join(distinct[:2])}{more}, {first if first == last else f'{first}-{last}'}"
