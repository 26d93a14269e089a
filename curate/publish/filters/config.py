"""Which rows a release excludes: filters as data, from a TOML file or a preset."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from curate.core.errors import ConfigurationError
from curate.publish.data_files import read_toml_data
from curate.publish.measures.solution_leaks import LeakKind

PRESETS = ("default", "swe-gym", "swe-rebench", "lingma")
Fraction = Annotated[float, Field(ge=0, le=1)]
UnmeasuredPolicy = Literal["include", "exclude"]


@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """Why something cannot be published."""

    instance_id: str
    reason: str  # short and countable, e.g. "patch-not-utf8"
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.reason} {self.detail}".rstrip()


class FilterTable(BaseModel):
    """A table of the file; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LicenseFilter(FilterTable):
    """Licenses a row may have; an empty list allows all."""

    allowed: tuple[str, ...] = ()
    unknown: UnmeasuredPolicy = "include"


class ContaminationFilter(FilterTable):
    """Lists of benchmarks, by name or file, and what counts as being on one."""

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
    min_english: Fraction = 0  # share of letters outside code that are a to z


class PatchFilter(FilterTable):
    """Bounds on the gold patch: source files only."""

    min_files: int = 0
    max_files: int | None = None
    max_words: int | None = None


class VerdictFilter(FilterTable):
    """Bounds on tests; rows of the raw pool have none and pass."""

    max_fail_to_pass: int | None = None
    min_pass_to_pass: int = 0
    min_test_strength: Fraction = 0
    max_expected_flaky: float | None = None  # flaky tests that one more run would newly show
    unmeasured: UnmeasuredPolicy = "include"  # rows without a measure that is bounded here


class LeakFilter(FilterTable):
    """What the texts of a row may not give away of its solution; not for the raw pool."""

    exclude: tuple[LeakKind, ...] = ()
    max_share: Fraction = 1  # of the gold patch's distinctive lines in the problem statement


class ReleaseFilters(FilterTable):
    """All filters of a release; `unverified` names those whose source could not be checked."""

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
    near_duplicate_threshold: Fraction = 0.9  # Jaccard index of the later row; 0 = not compared

    def for_raw_pool(self) -> "ReleaseFilters":
        """The filters for unverified candidates, too: license, benchmarks, secrets."""
        return ReleaseFilters(
            license=self.license,
            contamination=self.contamination,
            secrets=self.secrets,
            near_duplicate_threshold=0,
        )


def read_filters(name: str) -> ReleaseFilters:
    """The preset or TOML file called *name*; ConfigurationError for an unknown one."""
    try:
        return ReleaseFilters.model_validate(read_toml_data(name, PRESETS))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigurationError(
            f"invalid release filters {name}, {place}: {first['msg']}"
        ) from error
