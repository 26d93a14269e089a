"""Release filters as data, from a preset or a TOML file."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from curate.core.errors import ConfigurationError, report_bug
from curate.core.model import ManualExclusion
from curate.publish.data_files import read_toml_data
from curate.publish.measures.solution_leaks import LeakKind

PRESETS = ("default", "swe-gym", "swe-rebench", "lingma")
Fraction = Annotated[float, Field(ge=0, le=1)]
InclusionPolicy = Literal["include", "exclude"]


@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """A reason for excluding an instance from a release."""

    instance_id: str
    reason: str  # short and countable, e.g. "patch-not-utf8"
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.reason} {self.detail}".rstrip()


def as_exclusion(judgement: ManualExclusion) -> Exclusion:
    """Return a person's judgement as the reason "manual"."""
    detail = f"{judgement.reason} ({judgement.author}, {judgement.excluded_at:%Y-%m-%d})"
    return Exclusion(instance_id=judgement.instance_id, reason="manual", detail=detail)


def exclude_for_bug(instance_id: str, error: Exception) -> Exclusion:
    """Report *error*, a bug in curate, and return the exclusion of the instance it concerns."""
    problem = report_bug(error, instance_id)
    return Exclusion(instance_id=instance_id, reason="unexpected-error", detail=str(problem))


class FilterTable(BaseModel):
    """A table of the filter file; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LicenseFilter(FilterTable):
    """Allowed licenses; an empty list allows all."""

    allowed: tuple[str, ...] = ()
    unknown: InclusionPolicy = "include"


class ContaminationFilter(FilterTable):
    """Benchmark lists, by name or file, and what counts as an overlap with one."""

    lists: tuple[str, ...] = ("swe-bench", "swe-bench-lite", "swe-bench-verified")
    repositories: bool = True
    pulls: bool = True
    patches: bool = True


class TextFilter(FilterTable):
    """Bounds on the problem statement."""

    min_words: int = 0
    max_words: int | None = None
    min_characters: int = 0
    max_links: int | None = None
    min_english: Fraction = 0  # share of ASCII among the letters outside code


class PatchFilter(FilterTable):
    """Bounds on the gold patch; `min_files` and `max_files` count source files only."""

    min_files: int = 0
    max_files: int | None = None
    max_words: int | None = None


class VerdictFilter(FilterTable):
    """Bounds on tests; not applied to rows of the raw split, which have none."""

    max_fail_to_pass: int | None = None
    min_pass_to_pass: int = 0
    min_test_strength: Fraction = 0
    max_expected_flaky: float | None = None  # maximum of `expected_new_flaky_tests`
    failed_evaluation: InclusionPolicy = "exclude"  # for rows whose `eval_verified` is false
    failed_certification: InclusionPolicy = "exclude"  # for rows that a certification found broken
    unmeasured: InclusionPolicy = "include"  # for rows without a measure that is bounded here


class LeakFilter(FilterTable):
    """Limits on solution leaks in a row's texts; not applied to the raw split."""

    exclude: tuple[LeakKind, ...] = ()
    max_share: Fraction = 1  # of the gold patch's distinctive lines in the problem statement


class ReleaseFilters(FilterTable):
    """All filters of a release; `unverified` lists those not checked against their source."""

    about: str = ""
    unverified: tuple[str, ...] = ()
    license: LicenseFilter = LicenseFilter()
    contamination: ContaminationFilter = ContaminationFilter()
    text: TextFilter = TextFilter()
    patch: PatchFilter = PatchFilter()
    tests: VerdictFilter = VerdictFilter()
    leaks: LeakFilter = LeakFilter()
    secrets: bool = True  # exclude rows with text that looks like a credential
    one_per_leak_group: bool = False
    near_duplicate_threshold: Fraction = 0.9  # minimum Jaccard index; 0 = not compared

    def for_raw_pool(self) -> "ReleaseFilters":
        """Return the filters that apply to unverified candidates: license, benchmarks, secrets."""
        return ReleaseFilters(
            license=self.license,
            contamination=self.contamination,
            secrets=self.secrets,
            near_duplicate_threshold=0,
        )


def read_filters(name: str) -> ReleaseFilters:
    """Read the preset or TOML file *name*; raises ConfigurationError if missing or invalid."""
    try:
        return ReleaseFilters.model_validate(read_toml_data(name, PRESETS))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigurationError(
            f"Invalid release filters {name}: {place}: {first['msg']}.",
            hint="docs/publishing.md lists the filters.",
        ) from error
