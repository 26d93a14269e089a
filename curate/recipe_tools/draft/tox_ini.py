"""Jobs of tox configured in INI files: `tox.ini`, setup.cfg, and `legacy_tox_ini`."""

import configparser
import re
import shlex
import tomllib
from collections.abc import Iterator, Sequence

from curate.builders.git.tree import FileTree
from curate.builders.requirements.setup_py import MINOR_VERSIONS
from curate.builders.requirements.text import decode_text
from curate.recipe_tools.draft.job import CIJob, is_other_purpose
from curate.recipe_tools.draft.shell_commands import read_commands

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
_PLAIN_FACTOR = re.compile(r"(?:py|python)?[23]?\.?\d*|tests?|unit|cov|coverage")
_MAX_NUMBERS = 100  # of a range such as `3{8-14}`
_MAX_REFERENCES = 10  # references within what was referred to


def find_tox_ini_jobs(tree: FileTree) -> Iterator[CIJob]:
    """Yield every environment, in the order of the file."""
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
    setup_cfg = decode_text(tree.read("setup.cfg") or b"")
    if "[testenv" in setup_cfg:
        yield "setup.cfg", setup_cfg.replace("[tox:tox]", "[tox]")
    try:
        data = tomllib.loads(decode_text(tree.read("pyproject.toml") or b""))
    except tomllib.TOMLDecodeError:
        return
    yield "pyproject.toml", str(data.get("tool", {}).get("tox", {}).get("legacy_tox_ini", ""))


def _read_setting(parser: configparser.ConfigParser, section: str, *names: str) -> list[str]:
    """Return the lines of a setting in *section*, else in `[testenv]`, without references.

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
    return _DEFAULT.sub(r"\1", _REFERENCE.sub("", text))


def _list_environments(parser: configparser.ConfigParser, section: str) -> list[frozenset[str]]:
    """Return the factors of each environment that *section* configures.

    Of the list of all environments these are those that only name a Python, if there are any: the
    others test with something special. If no list names any, one with every Python 3.
    """
    name = section.partition(":")[2].strip()
    text = name or parser.get("tox", "envlist", fallback=parser.get("tox", "env_list", fallback=""))
    configured = {other.partition(":")[2].strip() for other in parser.sections()}
    names = [each for each in _expand_braces(text) if name or each not in configured]
    if not name:
        names = [each for each in names if not is_other_purpose(each)]
        plain = [it for it in names if all(map(_PLAIN_FACTOR.fullmatch, it.split("-")))]
        names = plain or names
    return [frozenset(each.split("-")) for each in names] or [_PYTHON_FACTORS]


def _expand_braces(text: str) -> list[str]:
    """Expand `py{37,38}-{a,b}` in a list that is separated by commas or line ends."""
    names = [each for each in re.split(r"[,\s]+(?![^{}]*\})", text) if each]
    while any("{" in each for each in names):
        names = [
            f"{head}{choice.strip()}{tail}"
            for each in names
            for head, choices, tail in [re.match(r"([^{]*)(?:\{([^}]*)\}?)?(.*)", each).groups()]  # type: ignore[union-attr]
            for choice in _expand_numbers(choices or "")
        ]
    return names


def _expand_numbers(choices: str) -> list[str]:
    """Split `38,310-312`; ranges of numbers are written out."""
    expanded = []
    for choice in choices.split(","):
        span = re.fullmatch(r"\s*(\d+)-(\d+)\s*", choice)
        numbers = range(int(span[1]), int(span[2]) + 1)[:_MAX_NUMBERS] if span else ()
        expanded += [str(it) for it in numbers] if span else [choice]
    return expanded


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


def _list_installs(parser: configparser.ConfigParser, section: str) -> str:
    """Return shell commands for what tox installs into the environment *section*."""
    lines = []
    for dep in _read_setting(parser, section, "deps"):
        lines.append(f"pip install {dep if dep.startswith('-') else shlex.quote(dep)}")
    extras = re.split(r"[,\s]+", ",".join(_read_setting(parser, section, "extras")))
    lines += [f"pip install '.[{extra}]'" for extra in extras if extra]
    groups = re.split(r"[,\s]+", ",".join(_read_setting(parser, section, "dependency_groups")))
    lines += [f"pip install --group {group}" for group in groups if group]
    skipped = _read_setting(parser, section, "skip_install") or [
        parser.get("tox", "skipsdist", fallback=parser.get("tox", "no_package", fallback=""))
    ]
    if skipped[0].lower() != "true" or _read_setting(parser, section, "usedevelop"):
        lines.append("pip install .")
    return "\n".join(lines)


def _list_commands(parser: configparser.ConfigParser, section: str) -> str:
    """Return the commands of the environment *section*, without tox's own substitutions."""
    lines = [
        *_read_setting(parser, section, "commands_pre"),
        *_read_setting(parser, section, "commands"),
    ]
    text = "\n".join(lines).replace("{toxinidir}/", "").replace("{tox_root}/", "")
    return re.sub(r"\{posargs:?([^{}]*)\}|\[\]", r"\1", text)


def _make_tox_job(
    tree: FileTree, parser: configparser.ConfigParser, section: str, origin: str
) -> CIJob:
    found = read_commands(_list_installs(parser, section), tree)
    folder = "".join(_read_setting(parser, section, "changedir", "change_dir")[:1])
    folder = re.sub(r"^\{(?:toxinidir|tox_root)\}/?", "", folder)
    folder = "" if "{" in folder or folder.startswith("/") else folder
    found.merge_from(read_commands(_list_commands(parser, section), tree, folder=folder))
    for line in _read_setting(parser, section, "setenv", "set_env"):
        name, equals, value = line.partition("=")
        if equals:
            found.variables[name.strip()] = _OWN_DIRECTORIES.sub(_OWN_DIRECTORY, value.strip())
    return CIJob(origin=origin, findings=found, name=section.partition(":")[2].strip())
