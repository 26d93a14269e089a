"""Jobs of tox, nox and make."""

import ast
import configparser
import re
import shlex
import tomllib
from collections.abc import Iterator, Sequence

from curate.builders.git.tree import FileTree
from curate.builders.requirements.setup_py import MINOR_VERSIONS
from curate.builders.requirements.text import decode_text
from curate.recipe_tools.draft.called_scripts import collect_make_commands, read_make_targets
from curate.recipe_tools.draft.job import CIJob
from curate.recipe_tools.draft.shell_commands import read_commands
from curate.recipe_tools.draft.tox_toml import find_tox_toml_jobs

_CONDITION = re.compile(r"^([\w!.,{}-]+)\s*:(?:\s+|(?=\S))")  # "py27,!lint: mock"
_REFERENCE = re.compile(r"\{\[([^\]]+)\](\w+)\}")  # "{[testenv]deps}"
_DEFAULT = re.compile(r"\{env:\w+:([^{}]*)\}")  # "{env:HOME:/tmp}"
# Directories that tox makes for an environment; in a sandbox, any place that can be written does.
_OWN_DIRECTORIES = re.compile(
    r"\{(?:envdir|env_dir|envtmpdir|env_tmp_dir|envlogdir|env_log_dir|toxworkdir|work_dir"
    r"|temp_dir|distdir)\}"
)
_OWN_DIRECTORY = "/tmp/tox"
_PYTHON_FACTORS = frozenset({"py", "py3", *(f"py3{minor}" for minor in MINOR_VERSIONS)})
_MAX_REFERENCES = 10  # references within what was referred to


def find_runner_jobs(tree: FileTree) -> Iterator[CIJob]:
    """Yield every tox environment, nox session and make target."""
    yield from _iter_tox_jobs(tree)
    yield from find_tox_toml_jobs(tree)
    yield from _iter_nox_jobs(tree)
    yield from _iter_make_jobs(tree)


def _iter_tox_jobs(tree: FileTree) -> Iterator[CIJob]:
    for origin, text in _iter_tox_texts(tree):
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            parser.read_string(text)
        except configparser.Error:
            continue
        for section in parser.sections():
            if section.split(":")[0].strip() == "testenv":
                yield _make_tox_job(tree, parser, section, origin)


def _iter_tox_texts(tree: FileTree) -> Iterator[tuple[str, str]]:
    yield "tox.ini", decode_text(tree.read("tox.ini") or b"")
    try:
        data = tomllib.loads(decode_text(tree.read("pyproject.toml") or b""))
    except tomllib.TOMLDecodeError:
        return
    yield "pyproject.toml", str(data.get("tool", {}).get("tox", {}).get("legacy_tox_ini", ""))


def _read_setting(parser: configparser.ConfigParser, section: str, *names: str) -> list[str]:
    """Return the lines of a setting in *section*, else in `[testenv]`, with references resolved.

    Lines for some factors only count if most environments of the section have those.
    """
    environments = _list_environments(parser, section)
    for candidate in (section, "testenv"):
        for name in names:
            if parser.has_option(candidate, name):
                lines = _resolve_references(parser, parser.get(candidate, name)).splitlines()
                kept = (_apply_condition(line.strip(), environments) for line in lines)
                return [line for line in kept if line]
    return []


def _resolve_references(parser: configparser.ConfigParser, text: str) -> str:
    def resolve(found: re.Match[str]) -> str:
        for section in (found[1], "testenv") if found[1].startswith("testenv") else (found[1],):
            if parser.has_option(section, found[2]):
                return parser.get(section, found[2])
        return ""

    for _ in range(_MAX_REFERENCES):
        if not _REFERENCE.search(text):
            break
        text = _REFERENCE.sub(resolve, text)
    return _REFERENCE.sub("", text)


def _list_environments(parser: configparser.ConfigParser, section: str) -> list[frozenset[str]]:
    """Return the factors of each environment that *section* configures.

    If no list names any, one with the factors of every Python 3.
    """
    name = section.partition(":")[2].strip()
    text = name or parser.get("tox", "envlist", fallback=parser.get("tox", "env_list", fallback=""))
    configured = {other.partition(":")[2].strip() for other in parser.sections()}
    names = [each for each in _expand_braces(text) if name or each not in configured]
    return [frozenset(each.split("-")) for each in names] or [_PYTHON_FACTORS]


def _expand_braces(text: str) -> list[str]:
    """Expand `py{37,38}-{a,b}` in a list that is separated by commas or line ends."""
    names = [each for each in re.split(r"[,\s]+(?![^{}]*\})", text) if each]
    while any("{" in each for each in names):
        names = [
            f"{head}{choice.strip()}{tail}"
            for each in names
            for head, choices, tail in [re.match(r"([^{]*)(?:\{([^}]*)\}?)?(.*)", each).groups()]  # type: ignore[union-attr]
            for choice in (choices or "").split(",")
        ]
    return names


def _apply_condition(line: str, environments: Sequence[frozenset[str]]) -> str:
    """Return the line without its condition; "" if most of *environments* do not meet that."""
    condition = _CONDITION.match(line)
    if condition is None or line.startswith("-"):
        return line
    choices = [each.split("-") for each in _expand_braces(condition[1])]
    meeting = [
        factors
        for factors in environments
        if any(all(_has_factor(factors, name) for name in choice) for choice in choices)
    ]
    return line[condition.end() :].strip() if len(meeting) > len(environments) / 2 else ""


def _has_factor(factors: frozenset[str], name: str) -> bool:
    return (name.lstrip("!") in factors) is not name.startswith("!")


def _tox_commands(parser: configparser.ConfigParser, section: str) -> str:
    """Return shell commands equivalent to the tox environment *section*."""
    lines = []
    for dep in _read_setting(parser, section, "deps"):
        lines.append(f"pip install {dep if dep.startswith('-') else shlex.quote(dep)}")
    extras = re.split(r"[,\s]+", ",".join(_read_setting(parser, section, "extras")))
    lines += [f"pip install '.[{extra}]'" for extra in extras if extra]
    groups = re.split(r"[,\s]+", ",".join(_read_setting(parser, section, "dependency_groups")))
    lines += [f"pip install --group {group}" for group in groups if group]
    commands = "\n".join(_read_setting(parser, section, "commands"))
    commands = re.sub(r"\{posargs[^}]*\}|\[\]", "", commands.replace("{toxinidir}/", ""))
    return "\n".join([*lines, commands])


def _make_tox_job(
    tree: FileTree, parser: configparser.ConfigParser, section: str, origin: str
) -> CIJob:
    found = read_commands(_tox_commands(parser, section), tree)
    for line in _read_setting(parser, section, "setenv", "set_env"):
        name, equals, value = line.partition("=")
        if equals:
            with_defaults = _DEFAULT.sub(r"\1", value.strip())
            found.variables[name.strip()] = _OWN_DIRECTORIES.sub(_OWN_DIRECTORY, with_defaults)
    return CIJob(origin=origin, findings=found)


def _iter_nox_jobs(tree: FileTree) -> Iterator[CIJob]:
    try:
        module = ast.parse(tree.read("noxfile.py") or b"")
    except (SyntaxError, ValueError):
        return
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            calls = [each for each in ast.walk(node) if isinstance(each, ast.Call)]
            lines = [line for line in map(_session_command, calls) if line]
            yield CIJob(origin="noxfile.py", findings=read_commands("\n".join(lines), tree))


def _session_command(call: ast.Call) -> str:
    """Convert `session.install("x")` to `pip install x`, `session.run("x")` to `x`, else ""."""
    if not isinstance(call.func, ast.Attribute):
        return ""
    words = [str(item.value) for item in call.args if isinstance(item, ast.Constant)]
    if call.func.attr == "install":
        return shlex.join(["pip", "install", *words])
    return shlex.join(words) if call.func.attr in ("run", "run_always", "run_install") else ""


def _iter_make_jobs(tree: FileTree) -> Iterator[CIJob]:
    targets = read_make_targets(tree)
    for name in targets:
        commands = collect_make_commands(targets, [name])
        yield CIJob(origin="Makefile", findings=read_commands(commands, tree))
