"""What single commands install and which test runners they call: pip, uv, poetry, conda or apt."""

import re
from collections.abc import Callable

from curate.recipe_tools.draft.environment_tools import (
    read_conda,
    read_conda_lock,
    read_install,
    read_pipenv,
    read_pixi,
    read_uv,
    read_uv_options,
)
from curate.recipe_tools.draft.found_items import add_file, append_unique, pop_value
from curate.recipe_tools.draft.job import JobFindings, is_other_purpose

_LOCAL = re.compile(
    r"^(?:file:(?://)?)?((?:\.|\$PWD|\{toxinidir\}|[\w.-]+(?=/))[\w./-]*?)/?(?:\[([\w,\s.-]+)\])?$"
)
_ARCHIVE = re.compile(r"\.(?:whl|zip|tar\.\w+|tgz)$|\*")
_SCRIPT = re.compile(r"(?:^|[/_-])(?:run[_-]?)?tests?\.(?:sh|py)$")
_PYTHON = re.compile(r"(?:.*/)?python[\d.]*$|^py$|^\{env_?python\}$")
_CONDA = frozenset({"conda", "mamba", "micromamba"})
_TOOLS = frozenset({"uv", "poetry", "pdm", "pipenv", "hatch", "rye", "pixi"}) | _CONDA

# Options of pip and similar tools whose value is ignored here.
_VALUED = re.compile(
    r"-[iftpc]|--(?:index-url|extra-index-url|find-links|target|prefix|python|cache-dir|timeout"
    r"|upgrade-strategy|progress-bar|retries|trusted-host|no-binary|only-binary|root|src"
    r"|constraint|constraints|log|platform|resolution|config-settings?|report|exclude-newer"
    r"|build-constraints?|overrides?|python-version|python-platform|upgrade-package)"
)
# Options of `uv run` and the like that have a value.
_RUN_VALUED = re.compile(
    r"-[pe]|--(?:python|extra|group|only-group|with|with-requirements|with-editable|env-file"
    r"|name|prefix|cwd|directory|package|project|env|environment|no-group|no-extra|index-url|refresh-package)"
)
_NEEDED_OPTION = re.compile(r"-c|--config-file|--rootdir|--import-mode|--ds|--dc|-p")
_MAKE_TESTS = re.compile(r"test|check$|^ci$|pytest|coverage")


def read_command(words: list[str], found: JobFindings) -> None:
    """Add what the simple command *words* installs and runs to *found*."""
    if not words:
        return
    head, rest = words[0].rsplit("/", 1)[-1], words[1:]
    if head in _TOOLS and rest[:1] == ["run"]:
        _read_tool_run(head, rest[1:], found)
        read_command(_without_python(strip_tool_run(words)), found)
        return
    if head in ("uv", "poetry", "pdm", "hatch") and rest[:1] == ["pip"]:
        head, rest = "pip", rest[1:]
    reader = _READERS.get("pip" if re.fullmatch(r"pip[\d.]*", head) else head)
    if reader:
        reader(rest, found)
    elif head == "setup.py" or (_PYTHON.match(head) and rest[:1] == ["setup.py"]):
        _read_setup_script(rest, found)
    elif any(re.search(r"(?:^|/)(?:manage|runtests|run_tests)\.py$", word) for word in words[:2]):
        if not any(word.endswith("manage.py") for word in words[:2]) or "test" in rest:
            found.runners.append("other")
    elif any(_SCRIPT.search(word) for word in words[:2]):
        append_unique(found.elsewhere, "a script")


def strip_tool_run(words: list[str]) -> list[str]:
    """Return the command that `uv run`, `poetry run`, `hatch run` … run; other *words* as are."""
    if not words or words[0] not in _TOOLS or words[1:2] != ["run"]:
        return words
    rest = words[2:]
    while rest and rest[0].startswith("-"):
        has_value = _RUN_VALUED.fullmatch(rest[0]) or (rest[0] == "-n" and words[0] in _CONDA)
        rest = rest[2:] if has_value else rest[1:]
    return rest


def _without_python(words: list[str]) -> list[str]:
    if words and _PYTHON.match(words[0]) and words[1:2] == ["-m"]:
        words = words[2:]
    if words[:2] == ["coverage", "run"] and "-m" in words:
        words = words[words.index("-m") + 1 :]
    return words


def _read_tool_run(tool: str, words: list[str], found: JobFindings) -> None:
    """Read what `uv run` installs before it runs a command: project, groups and extras."""
    if tool == "pixi":
        read_pixi(words, found)
    if tool != "uv":
        return
    command = strip_tool_run(["uv", "run", *words])
    options = words[: len(words) - len(command)]
    if "--no-project" in options or "--no-sync" in options:
        return
    read_uv_options(options, found)


def _read_setup_script(words: list[str], found: JobFindings) -> None:
    if "test" in words or "nosetests" in words or "pytest" in words:
        found.runners.append("other")
    if {"develop", "install", "test"} & set(words):
        append_unique(found.projects, ".")


def _read_pip(words: list[str], found: JobFindings) -> None:
    if words[:1] == ["sync"]:  # `uv pip sync`
        for word in words[1:]:
            if not word.startswith("-"):
                add_file(found.files, word)
    if "install" not in words[:2]:
        return
    queue = words[words.index("install") + 1 :]
    while queue:
        word = re.sub(r"^-[UIqv]+(?=r)", "-", queue.pop(0))  # `-Urdev.txt`
        name, _, value = word.partition("=")
        if word.startswith("-r"):
            add_file(found.files, word[2:].lstrip("=") or pop_value(queue))
        elif name in ("--requirement", "--requirements"):
            add_file(found.files, value or pop_value(queue))
        elif name == "--group":
            append_unique(found.groups, (value or pop_value(queue)).rsplit(":", 1)[-1])
        elif name == "--extra":
            append_unique(found.extras, value or pop_value(queue))
        elif _VALUED.fullmatch(word):
            pop_value(queue)
        elif word in ("-e", "--editable") or not word.startswith("-"):
            _read_pip_target(pop_value(queue) if word.startswith("-") else word, found)
        elif name == "--editable" or word.startswith("-e"):
            _read_pip_target(value or word[2:], found)


def _read_pip_target(word: str, found: JobFindings) -> None:
    """Read a positional argument of `pip install`, or the argument of `-e`."""
    local = _LOCAL.match(word)
    if re.match(r"git\+|hg\+|https?:", word) or " @ " in word or _ARCHIVE.search(word):
        return
    if local and (local[1].startswith((".", "$", "{")) or "/" in word):
        folder = re.sub(r"^(?:\$PWD|\{toxinidir\})/?", "", local[1]) or "."
        append_unique(found.projects, folder)
        for extra in (local[2] or "").split(","):
            append_unique(found.extras, extra.strip())
    elif "/" not in word and not re.search(r"\.(?:txt|in|cfg|toml)$", word):
        append_unique(found.packages, word)


def _read_apt(words: list[str], found: JobFindings) -> None:
    if "install" in words:
        for word in words[words.index("install") + 1 :]:
            if not word.startswith("-") and re.fullmatch(r"[a-z0-9][a-z0-9.+-]+", word):
                append_unique(found.system, word)


def _read_pytest(words: list[str], found: JobFindings) -> None:
    """Read which options a call of pytest has that select its configuration or its plugins."""
    found.runners.append("pytest")
    queue = list(words)
    while queue:
        word = queue.pop(0)
        name, equals, value = word.partition("=")
        if _NEEDED_OPTION.fullmatch(name):
            value = value if equals else pop_value(queue)
            append_unique(found.options, f"{name}={value}" if equals else f"{name} {value}")


def _read_hatch(words: list[str], found: JobFindings) -> None:
    if words[:1] == ["test"]:
        append_unique(found.elsewhere, "hatch")


def _runner_reader(kind: str) -> Callable[[list[str], JobFindings], None]:
    def read(words: list[str], found: JobFindings) -> None:
        found.runners.append(kind)

    return read


def _read_tox(words: list[str], found: JobFindings) -> None:
    if not _names_other_purpose(words, ("-e", "--env", "-f", "-m")):
        append_unique(found.elsewhere, "tox")


def _read_nox(words: list[str], found: JobFindings) -> None:
    if not _names_other_purpose(words, ("-s", "-e", "--session", "--sessions", "-t", "--tag")):
        append_unique(found.elsewhere, "nox")


def _names_other_purpose(words: list[str], options: tuple[str, ...]) -> bool:
    """Whether the values of *options* name environments, and none of them is for tests."""
    names: list[str] = []
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in options:
            names += (value if equals else " ".join(words[index + 1 : index + 2])).split(",")
        elif len(word) > 2 and word[:2] in options and not word.startswith("--"):
            names += word[2:].split(",")
    return bool(names) and all(is_other_purpose(name) for name in names)


def _read_targets(kind: str) -> Callable[[list[str], JobFindings], None]:
    def read(words: list[str], found: JobFindings) -> None:
        targets = [word for word in words if not word.startswith("-") and "=" not in word]
        if any(_MAKE_TESTS.search(word) and not is_other_purpose(word) for word in targets):
            append_unique(found.elsewhere, kind)

    return read


_READERS: dict[str, Callable[[list[str], JobFindings], None]] = {
    "pip": _read_pip,
    "uv": read_uv,
    "poetry": read_install,
    "pdm": read_install,
    "rye": read_install,
    "pipenv": read_pipenv,
    "conda": read_conda,
    "mamba": read_conda,
    "micromamba": read_conda,
    "conda-lock": read_conda_lock,
    "apt-get": _read_apt,
    "apt": _read_apt,
    "aptitude": _read_apt,
    "pytest": _read_pytest,
    "py.test": _read_pytest,
    "pytest-cov": _read_pytest,
    "nosetests": _runner_reader("nose"),
    "nose": _runner_reader("nose"),
    "nose2": _runner_reader("nose"),
    "unittest": _runner_reader("unittest"),
    "unittest2": _runner_reader("unittest"),
    "unit2": _runner_reader("unittest"),
    "green": _runner_reader("unittest"),
    "stestr": _runner_reader("unittest"),
    "trial": _runner_reader("unittest"),
    "twisted.trial": _runner_reader("unittest"),
    "zope-testrunner": _runner_reader("unittest"),
    "hatch": _read_hatch,
    "pixi": read_pixi,
    "tox": _read_tox,
    "nox": _read_nox,
    "make": _read_targets("make"),
    "just": _read_targets("just"),
    "task": _read_targets("task"),
    "poe": _read_targets("poe"),
    "invoke": _read_targets("invoke"),
    "inv": _read_targets("invoke"),
}
