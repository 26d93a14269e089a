"""What the shell commands of a CI job install and run; nothing is executed."""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby

from curate.builders.git.tree import FileTree
from curate.recipe_tools.draft.called_scripts import find_called_script
from curate.recipe_tools.draft.job import JobFindings

_OPERATORS = ";|&"
_ASSIGNMENT = re.compile(r"^[A-Za-z_]\w*=")
_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)\}?")
_MAX_DEPTH = 3  # scripts that call scripts
_UNKNOWN = re.compile(r"[${}%]|^-$")  # a variable of the job, or standard input
_LOCAL = re.compile(r"^(?:\.|file:\.|\$PWD|\{toxinidir\})?/?\[([\w,\s-]+)\]$|^\.\[([\w,\s-]+)\]")
_PREFIXES = {"sudo", "travis_retry", "env", "exec", "time", "xvfb-run", "command", "nice", "retry"}
_RUNNERS = {"uv", "poetry", "pdm", "pipenv", "hatch", "rye"}
_SCRIPT = re.compile(r"(?:^|[/_-])tests?\.(?:sh|py)$")
_PYTHON = re.compile(r"(?:.*/)?python[\d.]*$|^py$|^\{envpython\}$")

# Options of pip and similar tools whose value is ignored here.
_VALUED = re.compile(
    r"-[iftpc]|--(?:index-url|extra-index-url|find-links|target|prefix|python|cache-dir|timeout"
    r"|upgrade-strategy|progress-bar|retries|trusted-host|no-binary|only-binary|root|src"
    r"|constraint|log|platform|resolution)"
)


def read_commands(
    text: str, tree: FileTree | None = None, variables: Mapping[str, str] | None = None
) -> JobFindings:
    """Return what the commands of *text* install, and which test runners they call.

    Args:
        text: Shell commands.
        tree: Where scripts and make targets are that they call; those are read as well.
        variables: Values of shell variables; literal assignments in *text* come on top.
    """
    found = JobFindings()
    _read_script(text, tree, dict(variables or {}), found, depth=0)
    return found


def _read_script(
    text: str, tree: FileTree | None, variables: dict[str, str], found: JobFindings, depth: int
) -> None:
    for words in _split_commands(text, variables):
        command = _strip_prefixes(words)
        _read_command(command, found)
        called = find_called_script(tree, command) if tree and depth < _MAX_DEPTH else ""
        if called:
            _read_script(called, tree, dict(variables), found, depth + 1)


def _split_commands(text: str, variables: dict[str, str]) -> Iterator[list[str]]:
    """Yield the words of every simple command; lines with invalid shell syntax are skipped.

    A command that only assigns is not yielded; its literal values are added to *variables*.
    """
    joined = re.sub(r"\\\r?\n", " ", re.sub(r"\$\{\{.*?\}\}", "${}", text))
    for line in joined.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=_OPERATORS)
        lexer.whitespace_split = True
        try:
            words = list(lexer)
        except ValueError:
            continue
        for operator, group in groupby(words, lambda word: not word.strip(_OPERATORS)):
            if not operator:
                command = [part for word in group for part in _substitute(word, variables)]
                if not _add_assignments(command, variables):
                    yield command


def _substitute(word: str, variables: Mapping[str, str]) -> list[str]:
    """Replace known variables; a word that is nothing but a variable may become several."""
    replaced = _VARIABLE.sub(lambda found: variables.get(found[1], found[0]), word)
    return replaced.split() if _VARIABLE.fullmatch(word) else [replaced]


def _add_assignments(words: Sequence[str], variables: dict[str, str]) -> bool:
    """Whether the command only assigns variables, which are added to *variables*."""
    rest = [word for word in words if word not in ("export", "local", "then", "else", "do")]
    if not rest or not all(_ASSIGNMENT.match(word) for word in rest):
        return False
    for name, _, value in (word.partition("=") for word in rest):
        if _UNKNOWN.search(value):
            variables.pop(name, None)
        else:
            variables[name] = value
    return True


def _strip_prefixes(words: Sequence[str]) -> list[str]:
    """Strip wrappers and variable assignments before the actual command."""
    rest = list(words)
    while rest:
        head = rest[0].lstrip("-@(") if len(rest[0]) > 1 else rest[0]
        if head in _PREFIXES or _ASSIGNMENT.match(head) or head in ("if", "then", "do", "else"):
            rest = rest[1:]
            while rest and rest[0].startswith("-"):  # options of sudo, env and xvfb-run
                rest = rest[1:]
        elif _PYTHON.match(head) and rest[1:2] == ["-m"]:
            rest = rest[2:]
        elif head in _RUNNERS and rest[1:2] == ["run"]:
            rest = rest[2:]
            while rest and rest[0].startswith("-"):
                rest = rest[1:]
        elif head == "coverage" and rest[1:2] == ["run"]:
            rest = _strip_coverage(rest[2:])
        else:
            return [head, *rest[1:]]
    return []


def _strip_coverage(words: list[str]) -> list[str]:
    """Return the command that `coverage run` runs."""
    if "-m" in words:
        return words[words.index("-m") + 1 :]
    return [word for word in words if not word.startswith("-")]


def _read_command(words: list[str], found: JobFindings) -> None:
    if not words:
        return
    head, rest = words[0].rsplit("/", 1)[-1], words[1:]
    if head in ("uv", "poetry", "pdm", "hatch") and rest[:1] == ["pip"]:
        head, rest = "pip", rest[1:]
    reader = _READERS.get("pip" if re.fullmatch(r"pip[\d.]*", head) else head)
    if reader:
        reader(rest, found)
    elif head == "setup.py" or (_PYTHON.match(head) and rest[:1] == ["setup.py"]):
        if "test" in rest or "nosetests" in rest:
            found.runners.append("other")
    elif any(word.endswith(("manage.py", "runtests.py")) for word in words[:2]):
        found.runners.append("other")
    elif any(_SCRIPT.search(word) for word in words[:2]):
        _append_unique(found.elsewhere, "a script")


def _read_pip(words: list[str], found: JobFindings) -> None:
    if words[:1] != ["install"]:
        return
    queue = words[1:]
    while queue:
        word = queue.pop(0)
        name, _, value = word.partition("=")
        if word.startswith("-r"):
            add_file(found.files, word[2:].lstrip("=") or _pop_value(queue))
        elif name == "--requirement":
            add_file(found.files, value or _pop_value(queue))
        elif name == "--group":
            _append_unique(found.groups, (value or _pop_value(queue)).rsplit(":", 1)[-1])
        elif name == "--extra":
            _append_unique(found.extras, value or _pop_value(queue))
        elif _VALUED.fullmatch(word):
            _pop_value(queue)
        elif word in ("-e", "--editable") or not word.startswith("-"):
            _read_pip_target(_pop_value(queue) if word.startswith("-") else word, found)


def _read_pip_target(word: str, found: JobFindings) -> None:
    """Read a positional argument of `pip install`, or the argument of `-e`."""
    local = _LOCAL.match(word)
    if local:
        for extra in (local[1] or local[2]).split(","):
            _append_unique(found.extras, extra.strip())
    elif not re.match(r"\.|/|git\+|https?:", word) and "/" not in word:
        _append_unique(found.packages, word)


def _read_uv_sync(words: list[str], found: JobFindings) -> None:
    """Read `uv sync`: the project with its default group."""
    if words[:1] == ["sync"]:
        _read_managed_install(words[1:], found, "--no-dev")


def _read_install(words: list[str], found: JobFindings) -> None:
    """Read `poetry install`, `pdm install` and `sync`."""
    if words[:1] in (["install"], ["sync"]):
        _read_managed_install(words[1:], found, "--only")


def _read_managed_install(words: list[str], found: JobFindings, without: str) -> None:
    queue = list(words)
    if without not in words:
        _append_unique(found.groups, "dev")
    while queue:
        name, _, value = queue.pop(0).partition("=")
        if name in ("--group", "-G", "--with", "--only-group", "--only"):
            for group in re.split(r"[,\s]+", value or _pop_value(queue)):
                _append_unique(found.groups, group)
        elif name in ("--extra", "--extras", "-E"):
            for extra in re.split(r"[,\s]+", value or _pop_value(queue)):
                _append_unique(found.extras, extra)


def _read_pipenv(words: list[str], found: JobFindings) -> None:
    if words[:1] in (["install"], ["sync"], ["update"]):
        add_file(found.files, "Pipfile")


def _read_conda(words: list[str], found: JobFindings) -> None:
    for index, word in enumerate(words[:-1]):
        if word in ("-f", "--file"):
            add_file(found.files, words[index + 1])


def _read_apt(words: list[str], found: JobFindings) -> None:
    if "install" in words:
        for word in words[words.index("install") + 1 :]:
            if not word.startswith("-") and re.fullmatch(r"[a-z0-9][a-z0-9.+-]+", word):
                _append_unique(found.system, word)


def _read_pytest(words: list[str], found: JobFindings) -> None:
    found.runners.append("pytest")
    for word in words:
        if word.startswith("-"):
            _append_unique(found.options, word)


def _runner_reader(kind: str) -> Callable[[list[str], JobFindings], None]:
    def read(words: list[str], found: JobFindings) -> None:
        found.runners.append(kind)

    return read


def _delegating_reader(kind: str) -> Callable[[list[str], JobFindings], None]:
    def read(words: list[str], found: JobFindings) -> None:
        if kind != "make" or any("test" in word or word == "check" for word in words):
            _append_unique(found.elsewhere, kind)

    return read


def add_file(files: list[str], path: str) -> None:
    """Add *path*; CI variables in the file name become `*`."""
    folder, slash, name = path.rpartition("/")
    _append_unique(files, folder + slash + (name.replace("${}", "*") if len(name) > 8 else name))


def _pop_value(queue: list[str]) -> str:
    return queue.pop(0) if queue else ""


def _append_unique(items: list[str], item: str) -> None:
    """Add *item* if it is new and contains no variables."""
    item = item.replace("{toxinidir}/", "").replace("$TRAVIS_BUILD_DIR/", "").removeprefix("./")
    if item and not _UNKNOWN.search(item) and item not in items:
        items.append(item)


_READERS: dict[str, Callable[[list[str], JobFindings], None]] = {
    "pip": _read_pip,
    "uv": _read_uv_sync,
    "poetry": _read_install,
    "pdm": _read_install,
    "pipenv": _read_pipenv,
    "conda": _read_conda,
    "mamba": _read_conda,
    "micromamba": _read_conda,
    "apt-get": _read_apt,
    "apt": _read_apt,
    "pytest": _read_pytest,
    "py.test": _read_pytest,
    "nosetests": _runner_reader("nose"),
    "nose": _runner_reader("nose"),
    "unittest": _runner_reader("unittest"),
    "trial": _runner_reader("unittest"),
    "tox": _delegating_reader("tox"),
    "nox": _delegating_reader("nox"),
    "make": _delegating_reader("make"),
}
