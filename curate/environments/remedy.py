"""A change to an environment, what it answers, and what the environment had before."""

from dataclasses import dataclass

from packaging.utils import canonicalize_name


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """One change to an environment or its test command, and the sentence that tells why."""

    requirements: tuple[str, ...] = ()  # lines added to the manifest
    constraints: tuple[str, ...] = ()
    system_packages: tuple[str, ...] = ()
    env_vars: tuple[tuple[str, str], ...] = ()
    python_path: str | None = None  # folder of the checkout added to PYTHONPATH; "" is the root
    arguments: tuple[str, ...] = ()  # of pytest, before the tests
    dropped_option: str = ""  # of pytest, with its value
    left_out: tuple[str, ...] = ()  # test files that are not run
    prelude: str = ""  # shell command before the tests, without braces
    prelude_name: str = ""
    sentence: str

    @property
    def label(self) -> str:
        """Name in the list of attempts."""
        path = () if self.python_path is None else (f"PYTHONPATH={self.python_path or '.'}",)
        dropped = (f"no {self.dropped_option}",) if self.dropped_option else ()
        variables = tuple(name for name, _ in self.env_vars)
        left_out = tuple(f"no {path}" for path in self.left_out)
        added = (*self.requirements, *self.constraints, *self.system_packages, *variables)
        prelude = (self.prelude_name,) if self.prelude_name else ()
        return ", ".join((*added, *path, *self.arguments, *dropped, *left_out, *prelude))


@dataclass(frozen=True, kw_only=True)
class Symptom:
    """What a run found missing: kind and name as in `curate.validate.missing`, and where."""

    kind: str
    name: str
    where: str = ""


@dataclass(frozen=True, kw_only=True)
class EnvironmentState:
    """What the environment of the run had."""

    packages: tuple[str, ...]  # "name==version" of its lock
    test_command: str  # of the recipe, with placeholders
    test_files: tuple[str, ...] = ()

    def find_version(self, name: str) -> str:
        """Return the locked version of the distribution *name*; "" if it is not locked."""
        pairs = (package.partition("==") for package in self.packages)
        return next((it[2] for it in pairs if it[0] == canonicalize_name(name)), "")
