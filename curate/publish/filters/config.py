"""Which rows are held back from a release: rules as data, from a TOML file or a preset."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from curate.core.errors import BadInput
from curate.publish.data_files import read_data
from curate.publish.measures.solution_leaks import Kind

PRESETS = ("default", "swe-gym", "swe-rebench", "lingma")
Share = Annotated[float, Field(ge=0, le=1)]
Unmeasured = Literal["keep", "hold"]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Why something cannot be published."""

    instance_id: str
    reason: str  # short and countable, e.g. "patch-not-utf8"
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.reason} {self.detail}".rstrip()


class Table(BaseModel):
    """A table of the file; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Licence(Table):
    """Licences a row may have; an empty list allows all."""

    allowed: tuple[str, ...] = ()
    unknown: Unmeasured = "keep"


class Contamination(Table):
    """Lists of benchmarks, by name or file, and by what a row is told to be on one."""

    lists: tuple[str, ...] = ("swe-bench", "swe-bench-lite", "swe-bench-verified")
    repositories: bool = True
    pulls: bool = True
    patches: bool = True


class Text(Table):
    """Bounds on the problem statement."""

    min_words: int = 0
    max_words: int | None = None
    min_characters: int = 0
    max_links: int | None = None
    min_english: Share = 0  # share of letters outside code that are a to z


class Patch(Table):
    """Bounds on the gold patch: source files only."""

    min_files: int = 0
    max_files: int | None = None
    max_words: int | None = None


class Tests(Table):
    """Bounds on tests; rows of the raw pool have none and pass."""

    max_fail_to_pass: int | None = None
    min_pass_to_pass: int = 0
    min_strength: Share = 0
    max_yet_to_waver: float | None = None  # unsteady tests that another run would newly show
    unmeasured: Unmeasured = "keep"  # rows without one of the two figures above, where it is asked


class Leaks(Table):
    """What the texts of a row may not give away of its answer; the raw pool is not held to it."""

    held: tuple[Kind, ...] = ()
    max_share: Share = 1  # of the gold patch's telling lines in the problem statement


class Rules(Table):
    """All rules of a release. `unverified` names those whose source could not be checked."""

    about: str = ""
    unverified: tuple[str, ...] = ()
    licence: Licence = Licence()
    contamination: Contamination = Contamination()
    text: Text = Text()
    patch: Patch = Patch()
    tests: Tests = Tests()
    leaks: Leaks = Leaks()
    secrets: bool = True  # hold back what looks like a credential
    one_per_leak_group: bool = False
    duplicates: Share = 0.9  # likeness from which the later of two rows is one; 0 = not compared

    def for_raw(self) -> "Rules":
        """The rules that hold for unverified candidates, too: licence, benchmarks, secrets."""
        return Rules(
            licence=self.licence,
            contamination=self.contamination,
            secrets=self.secrets,
            duplicates=0,
        )


def read_rules(name: str) -> Rules:
    """The preset or TOML file called *name*; BadInput for an unknown one or unknown keys."""
    try:
        return Rules.model_validate(read_data(name, PRESETS))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise BadInput(f"The rules {name} do not fit at {place}: {first['msg']}.") from error
