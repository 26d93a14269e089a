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
    omitted: tuple[str, ...] = ()  # distributions that are not installed
    absent: tuple[str, ...] = ()  # Debian packages that are not installed, as there are none
    prelude: str = ""  # shell command before the tests, without braces
    prelude_name: str = ""
    sentence: str

    @property
    def label(self) -> str:
        """Name in the list of attempts."""
        path = () if self.python_path is None else (f"PYTHONPATH={self.python_path or '.'}",)
        dropped = (f"no {self.dropped_option}",) if self.dropped_option else ()
        variables = tuple(name for name, _ in self.env_vars)
        left_out = tuple(f"no {it}" for it in (*self.left_out, *self.omitted, *self.absent))
        added = (*self.requirements, *self.constraints, *self.system_packages, *variables)
        prelude = (self.prelude_name,) if self.prelude_name else ()
        return ", ".join((*added, *path, *self.arguments, *dropped, *left_out, *prelude))


@dataclass(frozen=True, kw_only=True)
class Symptom:
    """What a run found missing: kind and name as in `curate.validate.missing`, and where."""

    kind: str
    name: str
    where: str = ""

    def describe(self) -> str:
        """Return what the run found, as the end of a sentence."""
        place = self.where or "the run"
        words = {
            "module": f"{place} imports {self.name}",
            "name": f"{place} does not find what it imports from {self.name}",
            "attribute": f"{place} does not find what it uses of {self.name}",
            "fixture": f"{place} uses the fixture {self.name}",
            "option": f"the project's options of pytest have {self.name}",
            "ini": f"the configuration of pytest has {self.name}",
            "marker": f"{place} uses the marker {self.name}",
            "async": f"{place} has async tests",
            "executable": f"{place} runs {self.name}",
            "library": f"{place} loads {self.name}",
            "variable": f"{place} reads this environment variable",
            "expected-tls": f"{place} fails with an OpenSSL that is newer than it",
            "log-level": f"{place} expects messages of level INFO",
            "import-mismatch": f"{self.name} and another file have one module name",
            "numpy-abi": f"{place} loads what was compiled against another version of numpy",
            "broken-import": f"{place} imports {self.name.replace(' ', ' -> ')}, which fails",
            "duplicate-option": f"{place} and another file define one option of pytest",
        }
        return words.get(self.kind, f"{place} needs {self.name}")


@dataclass(frozen=True, kw_only=True)
class EnvironmentState:
    """What the environment of the run had."""

    packages: tuple[str, ...]  # "name==version" of its lock
    test_command: str  # of the recipe, with placeholders
    test_files: tuple[str, ...] = ()
    optional: frozenset[str] = frozenset()  # distributions that no metadata of the project require

    def find_version(self, name: str) -> str:
        """Return the locked version of the distribution *name*; "" if it is not locked."""
        pairs = (package.partition("==") for package in self.packages)
        return next((it[2] for it in pairs if it[0] == canonicalize_name(name)), "")
