"""Which rows are held back from a release: rules as data, from a TOML file or a preset."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from curate.core.errors import ConfigurationError
from curate.publish.data_files import read_toml_data
from curate.publish.measures.solution_leaks import LeakKind

PRESETS = ("default", "swe-gym", "swe-rebench", "lingma")
Fraction = Annotated[float, Field(ge=0, le=1)]
UnmeasuredPolicy = Literal["keep", "hold"]


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
    """Licences a row may have; an empty list allows all."""

    allowed: tuple[str, ...] = ()
    unknown: UnmeasuredPolicy = "keep"


class ContaminationFilter(FilterTable):
    """Lists of benchmarks, by name or file, and by what a row is told to be on one."""

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
    min_strength: Fraction = 0
    max_yet_to_waver: float | None = None  # unsteady tests that another run would newly show
    unmeasured: UnmeasuredPolicy = (
        "keep"  # rows without one of the two figures above, where it is asked
    )


class LeakFilter(FilterTable):
    """What the texts of a row may not give away of its answer; the raw pool is not held to it."""

    held: tuple[LeakKind, ...] = ()
    max_share: Fraction = 1  # of the gold patch's telling lines in the problem statement


class ReleaseFilters(FilterTable):
    """All rules of a release. `unverified` names those whose source could not be checked."""

    about: str = ""
    unverified: tuple[str, ...] = ()
    licence: LicenseFilter = LicenseFilter()
    contamination: ContaminationFilter = ContaminationFilter()
    text: TextFilter = TextFilter()
    patch: PatchFilter = PatchFilter()
    tests: VerdictFilter = VerdictFilter()
    leaks: LeakFilter = LeakFilter()
    secrets: bool = True  # hold back what looks like a credential
    one_per_leak_group: bool = False
    duplicates: Fraction = 0.9  # likeness from which the later of two rows is one; 0 = not compared

    def for_raw_pool(self) -> "ReleaseFilters":
        """The rules that hold for unverified candidates, too: licence, benchmarks, secrets."""
        return ReleaseFilters(
            licence=self.licence,
            contamination=self.contamination,
            secrets=self.secrets,
            duplicates=0,
        )


def read_filters(name: str) -> ReleaseFilters:
    """The preset or TOML file called *name*; ConfigurationError for an unknown one or unknown
    keys."""
    try:
        return ReleaseFilters.model_validate(read_toml_data(name, PRESETS))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigurationError(
            f"The rules {name} do not fit at {place}: {first['msg']}."
        ) from error
