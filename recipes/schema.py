"""Schema of recipes. They state facts; versions of packages follow from the date of a commit."""

import hashlib
import re
from string import Formatter
from typing import Annotated, Any, Literal, Self

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator


class RecipeError(Exception):
    """A recipe is not valid; `hint` says how to fix it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def _check_specifier(text: str) -> str:
    SpecifierSet(text)
    return text


def _check_pattern(text: str) -> str:
    if not re.compile(text).groups:
        raise ValueError("the regular expression needs a group, whose match is the result")
    return text


def _command_template(*names: str) -> AfterValidator:
    """Return a validator of commands that may only have the placeholders *names* in braces."""

    def check(text: str) -> str:
        fields = {field for _, field, _, _ in Formatter().parse(text) if field is not None}
        if unknown := sorted(fields - set(names)):
            known = " or ".join(f"{{{name}}}" for name in names)
            raise ValueError(
                f"{{{unknown[0]}}} is not a placeholder (only {known} is);"
                " double the braces that the shell needs"
            )
        return text

    return AfterValidator(check)


# Names as reported by `platform.machine()`, and other names of the same architectures.
ARCHITECTURES = ("x86_64", "aarch64", "armv7l", "i686", "ppc64le", "riscv64", "s390x")
_ALIASES = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64"}


def normalize_architecture(name: str) -> str:
    """Return the canonical name of the architecture *name*; unknown names in lower case."""
    return _ALIASES.get(name.lower(), name.lower())


def _check_architecture(name: str) -> str:
    known = normalize_architecture(name)
    if known not in ARCHITECTURES:
        raise ValueError(f"{name!r} is not one of {', '.join((*ARCHITECTURES, *_ALIASES))}")
    return known


Architecture = Annotated[str, AfterValidator(_check_architecture)]
Specifier = Annotated[str, AfterValidator(_check_specifier)]
Pattern = Annotated[str, AfterValidator(_check_pattern)]
Python = Annotated[str, Field(pattern=r"^(3\.\d+)?$")]


class RecipeTable(BaseModel):
    """Base of all tables: immutable, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RequirementSources(RecipeTable):
    """Where the repository declares its requirements."""

    files: tuple[str, ...] = ()  # requirements files or conda environment files; globs allowed
    extras: tuple[str, ...] = ()  # optional dependencies of the project
    groups: tuple[str, ...] = ()  # dependency groups (PEP 735, poetry, pdm)
    projects: tuple[str, ...] = ()  # folders that are installed, instead of the root (".")
    read_metadata: bool = True  # read the dependencies in the project's own metadata
    build_requires: bool = False  # include the requirements of its build system
    # Requirements that the repository does not declare; "-c NAME<VERSION" is a constraint.
    add: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()  # distributions that tests never need
    # Distributions to keep although they are linters, formatters or documentation tools.
    force_include: tuple[str, ...] = ()


class RunLimits(RecipeTable):
    """Resource limits of one run."""

    seconds: float = 480  # of a whole run
    test_seconds: float = 60  # of one test
    memory_gib: float = 4  # of all processes together
    tmp_gib: float = 2  # of /tmp
    shm_mib: int = 256  # of /dev/shm
    cpus: float = 2  # quota of a run; where only one is seen, some projects skip tests
    pids: int = 1024  # processes and threads


class EnvRecipe(RecipeTable):
    """How to install and test the versions of one range."""

    versions: Specifier = ""  # PEP 440 specifier for the version at the base commit
    skip: str = ""  # reason why this range is not supported; empty = it is
    architectures: tuple[Architecture, ...] = ()  # supported machines; empty = all
    python: Python = ""  # "3.9"; empty = chosen by classifiers, requires-python and date
    requirements: RequirementSources = RequirementSources()  # see below
    system_packages: tuple[str, ...] = ()  # Debian packages
    install: tuple[str, ...] = ()  # shell commands in the checkout; empty = ("{editable}",)
    # {tests} = the changed test files
    test_command: Annotated[str, _command_template("tests")] = "pytest {tests}"
    env_vars: dict[str, str] = Field(default_factory=dict)  # variables for install and tests
    # Set for tests if without them no test goes from failing to passing.
    ci_env_vars: dict[str, str] = Field(default_factory=dict)
    limits: RunLimits = RunLimits()  # see below


class PathGlobs(RecipeTable):
    """Globs that override the general classification of files as tests or source."""

    tests: tuple[str, ...] = ()  # test files that the general rules miss
    source: tuple[str, ...] = ()  # source files that the general rules take for tests
    not_collected: tuple[str, ...] = ()  # test files that pytest must not be given
    protected: tuple[str, ...] = ()  # other files that a graded patch must not change


class DataDrivenTests(RecipeTable):
    """Data-driven tests: files whose blocks are test cases."""

    files: tuple[str, ...]  # globs
    pattern: Pattern  # matches the first line of a case; group 1 is its name
    # {keywords} = changed cases, cases next to them, and changed modules, as "a or b"
    test_command: Annotated[str, _command_template("keywords")]


class VersionRule(RecipeTable):
    """Where to read the version at a commit."""

    rule: Literal["describe", "file"] = "describe"  # by the nearest tag, or from a file
    file: str = ""  # for rule = "file": its path
    # finds the version in the name of the tag, or in the file
    pattern: Pattern = r"(?P<version>\d+\.\d+)"

    @model_validator(mode="after")
    def _has_a_file(self) -> Self:
        if self.rule == "file" and not self.file:
            raise ValueError('rule = "file" needs the key `file`')
        return self


class Recipe(RecipeTable):
    """The recipe of one repository."""

    repo: str = Field(pattern=r"^[A-Za-z0-9][\w.-]*/[\w.-]+$")  # OWNER/NAME
    import_name: str = ""  # top-level package, which must be imported from the checkout
    version: VersionRule = VersionRule()  # see [version]
    paths: PathGlobs = PathGlobs()  # see [paths]
    data_driven_tests: DataDrivenTests | None = None  # see [data_driven_tests]
    submodules: dict[str, str] = Field(default_factory=dict)  # path in the repository -> owner/name
    env: tuple[EnvRecipe, ...] = (EnvRecipe(),)  # [[env]], one for each range of versions

    def find_ranges(self, version: str) -> list[EnvRecipe]:
        """Return every range that contains *version* ("4.2"); a valid recipe has exactly one.

        An unknown version ("") is that of a commit before all releases, so it counts as 0.0.
        """
        return [env for env in self.env if _contains_version(env.versions, version or "0.0")]

    def environment_for(self, version: str) -> EnvRecipe:
        """Return the range that contains *version* ("4.2").

        Raises:
            RecipeError: No range contains it, or several do.
        """
        matches = self.find_ranges(version)
        if len(matches) == 1:
            return matches[0]
        found = "no range" if not matches else f"{len(matches)} ranges"
        raise RecipeError(
            f"The recipe of {self.repo} has {found} for version {version or 'unknown'}.",
            hint="Every version must be in exactly one [[env]]; fix `versions` in the recipe.",
        )

    def compute_hash(self, env: EnvRecipe) -> str:
        """Hash the parts of the recipe that affect candidates of *env*; other ranges do not."""
        shared = self.model_copy(update={"env": (env,)})
        # Keys that were added to the schema later count only if set, so that existing verdicts of
        # other recipes stay valid.
        later = ("architectures", "ci_env_vars")
        unused: dict[str, Any] = {name: True for name in later if not getattr(env, name)}
        if not env.requirements.projects:
            unused["requirements"] = {"projects"}
        exclude: dict[str, Any] = {"env": {"__all__": unused}}
        if not self.paths.protected:
            exclude["paths"] = {"protected"}
        text = shared.model_dump_json(exclude=exclude)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _contains_version(versions: str, version: str) -> bool:
    if not versions:
        return True
    try:
        return Version(version) in SpecifierSet(versions, prereleases=True)
    except InvalidVersion:
        return False
