"""What an environment lacks, read from what a test run or an install printed.

Pure functions of text, for pytest 2.8 and later. Nothing is trusted: a finding is a question that
the repository and the package index answer, and further runs decide.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from curate.validate.broken_imports import find_broken_imports

MAX_FINDINGS = 40  # of one log

_EXCEPTION = r"(?:\w+\.)*"  # module of an exception's name
_LOCATION = re.compile(r"^([^\s:'\"]+\.py):\d+: ?")
_FILE_LINE = re.compile(r"^(?:File \"([^\"]+)\"|file (.+?\.py)), line \d+")
_SECTION = re.compile(
    r"^_{3,} (?:ERROR (?:collecting|at (?:setup|teardown) of) )?([^_ ].*?|_\w.*?) _{3,}$"
    r"|^(?:Import|Conftest)\w* while loading conftest '(.+?)'"
    r"|^ImportError while importing test module '(.+?)'"
)
_IMPORT = re.compile(r"^from ([\w.]+) import ")
_SUMMARY = re.compile(r"^(?:FAILED|ERROR) \S.*? - (?=\w)")
_CHAINED = "During handling of the above exception, another exception occurred:"
_FOREIGN = re.compile(r"^.*/(?:(?:site|dist)-packages|lib/python[\d.]*)/|^<")
_CHECKOUT = "/testbed/"

# Kind, and what the line starts with, without decoration; group "name" is what is missing.
_PATTERNS = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        (
            "module",
            rf"{_EXCEPTION}(?:ModuleNotFoundError|ImportError): "
            r"(?:Error importing plugin \"[^\"]+\": )?No module named ['\"]?(?P<name>[\w.]+)['\"]?",
        ),
        ("module", r"\S*python[\d.]*: No module named ['\"]?(?P<name>[\w.]+)"),
        ("module", rf"{_EXCEPTION}_OptionError: invalid module name: '(?P<name>[\w.]+)'"),
        (
            "module",
            rf"{_EXCEPTION}PytestConfigWarning: Failed to import filter module '(?P<name>[\w.]+)'",
        ),
        (
            "name",
            rf"{_EXCEPTION}ImportError: cannot import name '?(?P<attribute>\w+)'?"
            r"(?: from (?:partially initialized module )?'(?P<name>[\w.]+)')?",
        ),
        (
            "attribute",
            rf"{_EXCEPTION}AttributeError: (?:partially initialized )?module '?(?P<name>[\w.]+?)'?"
            r" has no attribute '?(?P<attribute>\w+)'?",
        ),
        (
            "attribute",
            rf"{_EXCEPTION}_OptionError: unknown warning category: "
            r"'(?P<name>[\w.]+)\.(?P<attribute>\w+)'",
        ),
        ("fixture", r"(?:LookupError: )?fixture '(?P<name>\w+)' not found$"),
        ("fixture", r"(?:LookupError: )?no fixture named '(?P<name>\w+)' found"),
        ("option", r"(?:[\w. -]+: )?error: unrecognized arguments: (?P<name>.+)"),
        (
            "ini",
            rf"(?:ERROR|{_EXCEPTION}(?:UsageError|PytestConfigWarning)): "
            r"Unknown config (?:option|ini key): (?P<name>\w+)",
        ),
        ("marker", r"(?:Failed: )?'(?P<name>\w+)' not found in `markers` configuration option"),
        ("marker", r"AttributeError: '(?P<name>\w+)' not a registered marker"),
        ("plugin", r"(?:ERROR|UsageError): Missing required plugins: (?P<name>.+)"),
        ("pytest", r"(?:ERROR|UsageError): .*requires pytest-(?P<name>[\d.]+), actual pytest-"),
        (
            "async",
            r"(?:.*PytestUnhandledCoroutineWarning: )?(?:async def|Coroutine) functions are not "
            r"natively supported",
        ),
        (
            "distribution",
            rf"{_EXCEPTION}DistributionNotFound: The '(?P<name>[^']+)' distribution was not found",
        ),
        (
            "distribution",
            rf"{_EXCEPTION}PackageNotFoundError: (?:No package metadata was found for )?"
            r"['\"]?(?P<name>[\w.-]+)['\"]?$",
        ),
        (
            "distribution",
            rf"{_EXCEPTION}(?:ImportError|ModuleNotFoundError): "
            r".*?[Mm]issing (?:optional |required )?dependency ['\"`](?P<name>[\w.-]+)['\"`]",
        ),
        (
            "distribution",
            rf"{_EXCEPTION}(?:ImportError|ModuleNotFoundError): "
            r".*?pip3? install ['\"`]?(?P<name>[A-Za-z][\w.-]*)",
        ),
        (
            "distribution",
            rf"{_EXCEPTION}(?:ImportError|ModuleNotFoundError): ['\"`]?(?P<name>[A-Za-z][\w.-]*)"
            r"['\"`]? (?:is required|is not installed|must be installed|needs to be installed)",
        ),
        (
            "conflict",
            rf"{_EXCEPTION}(?:Contextual)?VersionConflict: \(\S+ \S+ \(.*?\), "
            r"Requirement\.parse\('(?P<name>[^']+)'\)",
        ),
        (
            "executable",
            rf"{_EXCEPTION}FileNotFoundError: \[(?:Errno|WinError) 2\] "
            r"(?:No such file or directory: )?'(?P<name>[\w.+-]+)'",
        ),
        ("executable", r"\S*sh: (?:line )?(?:\d+: )?(?P<name>[\w.+-]+): (?:command )?not found"),
        ("executable", r"(?:/usr/bin/)?env: ['‘]?(?P<name>[\w.+-]+)['’]?: No such file"),
        ("executable", r"error: command '(?P<name>[\w.+-]+)' failed: No such file or directory"),
        ("executable", r"unable to execute '(?P<name>[\w.+-]+)': No such file"),
        ("executable", r"(?:error: )?can't find (?P<name>Rust) compiler"),
        ("executable", r".*\b(?P<name>[Cc]argo|rustc), the [Rr]ust [\w ]+, is not installed"),
        ("executable", r".*(?:ERROR: |error: )?Unknown compiler\(s\): \[\['(?P<name>[\w.+-]+)'"),
        ("executable", r".*Program ['\"]?(?P<name>[\w.+-]+)['\"]? (?:not found or|found: NO)"),
        ("executable", r"(?:RuntimeError: |error: )?(?P<name>CMake) must be installed"),
        ("executable", r"No (?P<name>CMAKE_\w+)_COMPILER could be found"),
        (
            "library",
            rf"{_EXCEPTION}(?:OSError|ImportError): (?P<name>lib[\w.+-]+?\.so[\d.]*): "
            r"cannot open shared object file",
        ),
        (
            "library",
            rf"{_EXCEPTION}OSError: (?:cannot load library|no library called) "
            r"['\"](?P<name>[\w.+-]+)['\"]",
        ),
        ("debian-package", r"E: Unable to locate package (?P<name>[\w.+-]+)$"),
        ("debian-package", r"E: Package '(?P<name>[\w.+-]+)' has no installation candidate"),
        ("log-level", r"Exception: (?P<name>did not get expected log message)"),
        ("variable", r"KeyError: '(?P<name>[A-Z][A-Z0-9_]+)'$"),
        (
            "numpy-abi",
            r".*(?:numpy\.\w+ size changed, may indicate binary incompatibility"
            r"|compiled using NumPy 1\.x cannot be run in|numpy\.core\.multiarray failed to import"
            r"|module compiled against A[PB]I version|_ARRAY_API not found"
            r"|was removed in the NumPy 2\.0 release)",
        ),
        ("syntax", rf"{_EXCEPTION}(?:SyntaxError|IndentationError|TabError): "),
        ("import-mismatch", r"import file mismatch:"),
        (
            "import-mismatch",
            rf"{_EXCEPTION}Import(?:Path)?MismatchError: \('(?P<name>[\w.]+)', ",
        ),
        ("duplicate-option", rf"{_EXCEPTION}ValueError: option names \{{(?P<name>.+?)\}} already"),
        (
            "duplicate-option",
            rf"{_EXCEPTION}ArgumentError: argument \S+ conflicting option string: (?P<name>\S+)",
        ),
    )
)
_CAUSE = re.compile(
    rf"^(?:{_EXCEPTION}\w*(?:Error|Exception|Warning|Failed|Interrupted)(?::|$)|ERROR: )"
)


@dataclass(frozen=True, kw_only=True)
class MissingThing:
    """One thing that an environment lacks, or has in a version that does not fit."""

    kind: str  # "module", "fixture", "option", … as in the patterns above
    name: str  # module, fixture, option with its value, distribution, requirement, library, file …
    where: str = ""  # file or test that needs it
    evidence: str  # line of the log

    def __str__(self) -> str:
        return f"{self.where}: {self.evidence}" if self.where else self.evidence


def find_missing(log: str) -> tuple[MissingThing, ...]:
    """Return what *log* says is missing, each thing once, in order.

    Of exceptions raised while another was handled only the last counts: code that tries one import
    after another fails at the last one.
    """
    found: list[MissingThing] = []
    section: list[MissingThing] = []
    place = _Place()
    for raw in log.splitlines():
        line = _clean_line(raw)
        if line == _CHAINED:
            section.clear()
        elif place.read(line):
            found += section
            section = []
        elif place.is_located:  # below what it is about, if the code is shown
            section = [it if ".py" in it.where else replace(it, where=place.file) for it in section]
        section += _match_line(line, place)
    first: dict[tuple[str, str], MissingThing] = {}
    for thing in (*found, *section, *_list_broken(log)):
        first.setdefault((thing.kind, thing.name), thing)
    return tuple(first.values())[:MAX_FINDINGS]


def _list_broken(log: str) -> Iterator[MissingThing]:
    """Yield the installed packages that fail at import, each named with those that import it."""
    for broken in find_broken_imports(map(_clean_line, log.splitlines())):
        name = " ".join(broken.modules)
        yield MissingThing(
            kind="broken-import", name=name, where=broken.where, evidence=broken.exception
        )


def find_cause(log: str) -> str:
    """Return the first line of *log* that says why tests did not run, with its file; "" for none.

    It is that of the first missing thing, else that of the first exception, whose text may begin
    on a later line.
    """
    missing = find_missing(log)
    if missing:
        return str(missing[0])
    place = _Place()
    lines = [_clean_line(raw) for raw in log.splitlines()]
    for index, line in enumerate(lines):
        place.read(line)
        if _CAUSE.match(line):
            text = next((it for it in lines[index + 1 :] if it.strip("E ")), "")
            cause = f"{line} {text}" if line.endswith(":") else line
            return str(MissingThing(kind="", name="", where=place.file, evidence=cause[:300]))
    return ""


class _Place:
    """The file, and the import statement, that the lines read last are about."""

    def __init__(self) -> None:
        self.file = ""  # of the project, or the test
        self.last_file = ""  # of anything
        self.is_located = False  # whether the last line names a file of the project
        self.imported = ""
        self.reads_variables = False

    def read(self, line: str) -> bool:
        """Take in a line; whether a new section of the log begins with it."""
        section = _SECTION.match(line)
        location = _LOCATION.match(line) or _FILE_LINE.match(line)
        imported = _IMPORT.match(line)
        self.is_located = False
        if section:
            self.file = next(filter(None, section.groups())).removeprefix(_CHECKOUT)
        elif location:
            path = next(filter(None, location.groups()))
            self.last_file = path.removeprefix(_CHECKOUT)
            is_foreign = _FOREIGN.match(path)
            self.file = self.file if is_foreign else self.last_file
            self.is_located = not is_foreign
            self.reads_variables &= bool(is_foreign)
        elif imported:
            self.imported = imported[1]
        self.reads_variables |= "environ[" in line
        return bool(section)


def _clean_line(raw: str) -> str:
    """Return a line without the decoration of pytest."""
    line = re.sub(r"^(?:INTERNALERROR> ?|#\d+ (?:[\d.]+ )?)", "", raw)  # the latter is BuildKit's
    line = re.sub(r"^[E>] {2,}", "", line).strip()
    return _SUMMARY.sub("", line)


def _match_line(line: str, place: _Place) -> Iterator[MissingThing]:
    for kind, pattern in _PATTERNS:
        match = pattern.match(line)
        if match is None:
            continue
        parts = match.groupdict()
        if kind == "variable" and not place.reads_variables:
            return
        name = (parts.get("name") or "").rstrip(".")
        if kind == "name" and not name:
            name = place.imported
        if kind == "numpy-abi":
            name = "numpy"
        if kind in ("syntax", "import-mismatch") and not name:
            name = place.last_file or place.file
        for each in _split_names(kind, name):
            yield MissingThing(kind=kind, name=each, where=place.file, evidence=line[:300])
        return


def _split_names(kind: str, name: str) -> list[str]:
    """Split what one line says of several things: options with their values, plugins."""
    if kind == "plugin":
        return [part.strip() for part in name.split(",") if part.strip()]
    if kind != "option":
        return [name]
    options: list[str] = []
    for word in name.split():
        if word.startswith("-"):
            options.append(word)
        elif options:
            options[-1] += f" {word}"
    return options
