"""Check that every version is in exactly one version range of a recipe."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from curate.recipes.schema import Recipe

_MAX_VERSION = 9999  # greater than any major or minor version


@dataclass(frozen=True, kw_only=True)
class VersionSpan:
    """Consecutive versions that are in no range, or in the same number of several ranges."""

    first: str
    last: str
    ranges: int

    def __str__(self) -> str:
        versions = self.first if self.first == self.last else f"{self.first} … {self.last}"
        return f"{versions} ({f'{self.ranges} ranges' if self.ranges else 'no range'})"


def range_problems(recipe: Recipe, versions: Iterable[str] = ()) -> list[VersionSpan]:
    """Return the gaps and overlaps of *recipe*'s ranges, in order.

    Each of *versions* ("4.2") must be in exactly one range. Even for other versions, ranges must
    not overlap and must have no gaps between them. Versions below the lowest and above the highest
    range are only reported if they are among *versions*.
    """
    probes = sorted(_probe_versions(recipe), key=Version)
    range_counts = [bool(recipe.find_ranges(text)) for text in probes]
    covered = (
        probes[range_counts.index(True) : len(range_counts) - range_counts[::-1].index(True)]
        if any(range_counts)
        else probes
    )
    ordered = sorted({*covered, *filter(_is_valid_version, versions)}, key=Version)
    spans = []
    for count, group in groupby(ordered, lambda text: len(recipe.find_ranges(text))):
        members = list(group)
        spans += (
            [VersionSpan(first=members[0], last=members[-1], ranges=count)] if count != 1 else []
        )
    return spans


def _probe_versions(recipe: Recipe) -> Iterator[str]:
    """Yield, as major.minor, the versions in all specifiers, those next to them, and both ends."""
    yield from ("0.0", f"{_MAX_VERSION}.0")
    for env in recipe.env:
        named = (clause.version.removesuffix(".*") for clause in SpecifierSet(env.versions))
        for version in map(Version, filter(_is_valid_version, named)):
            major, minor = version.major, version.minor
            yield f"{major}.{minor}"
            yield f"{major}.{minor + 1}"
            yield f"{major}.{minor - 1}" if minor else f"{max(major - 1, 0)}.{_MAX_VERSION}"


def _is_valid_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True
