"""What a recipe may say. It states facts; it never computes and never pins what a date pins."""

import hashlib
import re
from string import Formatter
from typing import Annotated, Literal, Self

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator


class RecipeError(Exception):
    """A recipe that cannot be used; `hint` says how to mend it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def _check_specifier(text: str) -> str:
    SpecifierSet(text)
    return text


def _check_pattern(text: str) -> str:
    if not re.compile(text).groups:
        raise ValueError("the expression has no group that could be the answer")
    return text


def _command_template(*names: str) -> AfterValidator:
    """Checks a command in which only *names* may stand in braces."""

    def check(text: str) -> str:
        fields = {field for _, field, _, _ in Formatter().parse(text) if field is not None}
        if unknown := sorted(fields - set(names)):
            known = " or ".join(f"{{{name}}}" for name in names)
            raise ValueError(
                f"{{{unknown[0]}}} stands for nothing: only {known} does; braces of the shell"
                " are written twice"
            )
        return text

    return AfterValidator(check)


# What machines call themselves, and what else the same is called.
ARCHITECTURES = ("x86_64", "aarch64", "armv7l", "i686", "ppc64le", "riscv64", "s390x")
_ALIASES = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64"}


def normalize_architecture(name: str) -> str:
    """The one name of the architecture that is also called *name*, as `platform.machine` may."""
    return _ALIASES.get(name.lower(), name.lower())


def _check_architecture(name: str) -> str:
    known = normalize_architecture(name)
    if known not in ARCHITECTURES:
        raise ValueError(f"{name!r} is none of {', '.join((*ARCHITECTURES, *_ALIASES))}")
    return known


Architecture = Annotated[str, AfterValidator(_check_architecture)]
Specifier = Annotated[str, AfterValidator(_check_specifier)]
Pattern = Annotated[str, AfterValidator(_check_pattern)]
Python = Annotated[str, Field(pattern=r"^(3\.\d+)?$")]


class RecipeTable(BaseModel):
    """Base of all tables: frozen, and a key it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RequirementSources(RecipeTable):
    """Where the repository declares what it needs."""

    files: tuple[str, ...] = ()  # requirement files or conda environment files; globs allowed
    extras: tuple[str, ...] = ()  # optional dependencies of the project
    groups: tuple[str, ...] = ()  # dependency groups (PEP 735, poetry, pdm)
    read_metadata: bool = True  # read the project's own metadata
    build_requires: bool = False  # what its build back-end asks for
    add: tuple[str, ...] = ()  # requirements or bounds the repository fails to declare
    exclude: tuple[str, ...] = ()  # distributions never needed to run tests
    force_include: tuple[
        str, ...
    ] = ()  # distributions kept although they look like lint or doc tools


class RunLimits(RecipeTable):
    """Ceilings of one run; bytes as GiB."""

    seconds: float = 1800
    memory_gib: float = 4
    tmp_gib: float = 2
    shm_mib: int = 256
    cpus: float = 1
    pids: int = 1024


class EnvRecipe(RecipeTable):
    """How versions of one range are installed and tested."""

    versions: Specifier = ""  # PEP 440 specifier on the version at the base commit
    skip: str = ""  # why this range cannot work; empty = it can
    architectures: tuple[Architecture, ...] = ()  # machines on which it works; empty = any
    python: Python = ""  # "3.9"; empty = by classifiers and date
    requirements: RequirementSources = RequirementSources()
    system_packages: tuple[str, ...] = ()  # Debian packages
    install: tuple[str, ...] = ()  # shell commands in the checkout; empty = ("{editable}",)
    test_command: Annotated[str, _command_template("tests")] = (
        "pytest {tests}"  # {tests} = the changed test files
    )
    env_vars: dict[str, str] = Field(default_factory=dict)
    ci_env_vars: dict[str, str] = Field(
        default_factory=dict
    )  # for tests, where without them none is fixed
    limits: RunLimits = RunLimits()


class PathGlobs(RecipeTable):
    """Globs that overrule the general rules for what is a test."""

    tests: tuple[str, ...] = ()  # test material the general rules miss
    source: tuple[str, ...] = ()  # files the general rules take for tests
    not_collected: tuple[str, ...] = ()  # test material that is not run by itself


class DataDrivenTests(RecipeTable):
    """Data-driven tests: files whose blocks are test cases."""

    files: tuple[str, ...]
    pattern: Pattern  # matches the first line of a case; group 1 is its name
    # {keywords} = changed cases, their neighbours, changed modules: "a or b"
    test_command: Annotated[str, _command_template("keywords")]


class VersionRule(RecipeTable):
    """Where the version at a commit is read."""

    rule: Literal["describe", "file"] = "describe"  # nearest tag, or a file's text
    file: str = ""
    pattern: Pattern = r"(?P<version>\d+\.\d+)"

    @model_validator(mode="after")
    def _has_a_file(self) -> Self:
        if self.rule == "file" and not self.file:
            raise ValueError('rule "file" needs `file`')
        return self


class Recipe(RecipeTable):
    """One repository."""

    repo: str = Field(pattern=r"^[A-Za-z0-9][\w.-]*/[\w.-]+$")
    import_name: str = ""  # top-level package; must come from the checkout
    version: VersionRule = VersionRule()
    paths: PathGlobs = PathGlobs()
    data_driven_tests: DataDrivenTests | None = None
    submodules: dict[str, str] = Field(default_factory=dict)  # path in the tree -> owner/name
    env: tuple[EnvRecipe, ...] = (EnvRecipe(),)

    def find_ranges(self, version: str) -> list[EnvRecipe]:
        """Every range that holds *version* ("4.2"); a good recipe has exactly one."""
        return [env for env in self.env if _contains_version(env.versions, version)]

    def environment_for(self, version: str) -> EnvRecipe:
        """The one range that holds *version* ("4.2"); RecipeError where none or two do."""
        matches = self.find_ranges(version)
        if len(matches) == 1:
            return matches[0]
        found = "no range" if not matches else f"{len(matches)} ranges"
        raise RecipeError(
            f"The recipe of {self.repo} has {found} for version {version or 'unknown'}.",
            hint="Every version needs exactly one [[env]]; mend `versions` in the recipe.",
        )

    def compute_hash(self, env: EnvRecipe) -> str:
        """Hash of what decides over candidates of this range; other ranges do not touch it."""
        shared = self.model_copy(update={"env": (env,)})
        # What came to the schema later counts where it is used: other verdicts stay.
        unused = {name for name in ("architectures", "ci_env_vars") if not getattr(env, name)}
        text = shared.model_dump_json(exclude={"env": {"__all__": unused}})
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _contains_version(versions: str, version: str) -> bool:
    if not versions:
        return True
    try:
        return Version(version) in SpecifierSet(versions, prereleases=True)
    except InvalidVersion:
        return False
