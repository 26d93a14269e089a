"""Jobs of tox, nox and make."""

import ast
import configparser
import re
import shlex
import tomllib
from collections.abc import Iterator

from curate.builders.git.tree import FileTree
from curate.recipe_tools.draft.job import CIJob
from curate.recipe_tools.draft.shell_commands import read_commands
from curate.recipe_tools.draft.tox_toml import find_tox_toml_jobs

_FACTORS = re.compile(r"^[\w!.,{}-]+\s*:\s+|^[\w!.,{}-]+:(?=\S)")  # "py27,py35: mock"
_REFERENCE = re.compile(r"\{\[([^\]]+)\](\w+)\}")  # "{[testenv]deps}"


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
                yield _make_tox_job(parser, section, origin)


def _iter_tox_texts(tree: FileTree) -> Iterator[tuple[str, str]]:
    yield "tox.ini", (tree.read("tox.ini") or b"").decode("utf-8", "replace")
    try:
        data = tomllib.loads((tree.read("pyproject.toml") or b"").decode("utf-8", "replace"))
    except tomllib.TOMLDecodeError:
        return
    yield "pyproject.toml", str(data.get("tool", {}).get("tox", {}).get("legacy_tox_ini", ""))


def _read_setting(parser: configparser.ConfigParser, section: str, *names: str) -> list[str]:
    """Return the lines of a setting in *section*, else in `[testenv]`, with references resolved."""
    for candidate in (section, "testenv"):
        for name in names:
            if parser.has_option(candidate, name):
                text = _REFERENCE.sub(
                    lambda found: parser.get(found[1], found[2], fallback=""),
                    parser.get(candidate, name),
                )
                return [line.strip() for line in text.splitlines() if line.strip()]
    return []


def _tox_commands(parser: configparser.ConfigParser, section: str) -> str:
    """Return shell commands equivalent to the tox environment *section*."""
    lines = []
    for dep in _read_setting(parser, section, "deps"):
        line = _FACTORS.sub("", dep)
        lines.append(f"pip install {line if line.startswith('-') else shlex.quote(line)}")
    extras = re.split(r"[,\s]+", ",".join(_read_setting(parser, section, "extras")))
    lines += [f"pip install '.[{extra}]'" for extra in extras if extra]
    groups = re.split(r"[,\s]+", ",".join(_read_setting(parser, section, "dependency_groups")))
    lines += [f"pip install --group {group}" for group in groups if group]
    commands = "\n".join(_read_setting(parser, section, "commands"))
    commands = re.sub(r"\{posargs[^}]*\}|\[\]", "", commands.replace("{toxinidir}/", ""))
    return "\n".join([*lines, *(_FACTORS.sub("", line) for line in commands.splitlines())])


def _make_tox_job(parser: configparser.ConfigParser, section: str, origin: str) -> CIJob:
    found = read_commands(_tox_commands(parser, section))
    for line in _read_setting(parser, section, "setenv", "set_env"):
        name, equals, value = _FACTORS.sub("", line).partition("=")
        if equals:
            found.variables[name.strip()] = value.strip()
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
            yield CIJob(origin="noxfile.py", findings=read_commands("\n".join(lines)))


def _session_command(call: ast.Call) -> str:
    """Convert `session.install("x")` to `pip install x`, `session.run("x")` to `x`, else ""."""
    if not isinstance(call.func, ast.Attribute):
        return ""
    words = [str(item.value) for item in call.args if isinstance(item, ast.Constant)]
    if call.func.attr == "install":
        return shlex.join(["pip", "install", *words])
    return shlex.join(words) if call.func.attr in ("run", "run_always", "run_install") else ""


def _iter_make_jobs(tree: FileTree) -> Iterator[CIJob]:
    text = (tree.read("Makefile") or b"").decode("utf-8", "replace")
    for body in re.findall(
        r"^[\w./ -]+:(?!=)[^\n]*\n(\t[^\n]*\n(?:\t[^\n]*\n|\n)*)", text + "\n", re.M
    ):
        yield CIJob(
            origin="Makefile", findings=read_commands(re.sub(r"^\t[@-]*", "", body, flags=re.M))
        )
