"""Commands that hints and pages suggest are accepted by the command line, and do no harm."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from curate.cli.app import COMMANDS
from curate.cli.suggestions import complete_commands, remember_options
from tests.helpers.command_tree import Command, list_commands

ROOT = Path(__file__).parents[2]
EVERY = {command.words: command for command in list_commands()}
COMMON = ("--data-dir", "--recipes-dir", "--mirrors-dir", "--cache-dir")
PLACEHOLDER = "owner/name"
_REST = r"""(?:"[^"\n]*"|[^`\n,;:()|>#…"])*"""  # of a command, up to what belongs to the sentence
SUGGESTED = re.compile(rf"\bcurate (?:--[\w-]+ \S+ )*(?:{'|'.join(COMMANDS)})\b{_REST}")


def texts_of_sources() -> Iterator[tuple[str, str]]:
    """(file, text) of every hint and message: the strings of calls in the code."""
    for folder in ("curate", "builders", "recipes"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    for value in (*node.args, *(it.value for it in node.keywords)):
                        yield path.name, _text(value)
                elif isinstance(node, ast.Assign):
                    yield path.name, _text(node.value)


def _text(node: ast.AST) -> str:
    """A string as written, with a placeholder for what is put into it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = (it.value if isinstance(it, ast.Constant) else PLACEHOLDER for it in node.values)
        return "".join(map(str, parts))
    return ""


def texts_of_pages() -> Iterator[tuple[str, str]]:
    """(page, text) of every span and block of code."""
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")):
        content = page.read_text(encoding="utf-8")
        for text in re.findall(r"```.*?```|`[^`]+`", content, re.DOTALL):
            yield page.name, text.replace("\\\n", " ")  # lines of a shell that go on


def suggested(texts: Iterator[tuple[str, str]]) -> list[tuple[str, str]]:
    found = [
        (name, re.sub(r"\[/?\w*\]|[.]$", "", match.strip()).strip())
        for name, text in texts
        for match in SUGGESTED.findall(re.sub(r"\[/?bold\]", "`", text))
    ]
    return sorted(set(found))


def command_of(words: list[str]) -> tuple[Command | None, list[str]]:
    """The command that *words* name, and the rest of them; None for a group alone."""
    while words and words[0] in COMMON:
        words = words[2:]
    for count in (2, 1):
        if found := EVERY.get(tuple(words[:count])):
            return found, words[count:]
    return None, words


def problem_of(line: str, *, whole: bool) -> str:
    """Why the command line would refuse *line*; a *whole* one also needs what is required."""
    words = shlex.split(line)[1:]
    words = words[: words.index("--")] if "--" in words else words  # what follows is another's
    command, rest = command_of(words)
    if command is None:
        return "" if len(shlex.split(line)) == 2 else "no such command"
    options = {name: it for it in command.parameters for name in (*it.opts, *it.secondary_opts)}
    given = [word.partition("=")[0] for word in rest if word.startswith("-") and word != "-"]
    unknown = [word for word in given if word not in (*options, "--help", "-h")]
    needed = [
        it.opts[0]
        for it in command.parameters
        if it.required and it.param_type_name == "option" and it.opts[0] not in given
    ]
    needed += [
        it.name
        for it in command.parameters
        if it.required and it.param_type_name == "argument" and not rest
    ]
    return f"unknown {unknown}" if unknown else f"needs {needed}" if whole and needed else ""


@pytest.mark.parametrize(("file", "line"), suggested(texts_of_sources()))
def test_a_command_in_a_message_works_as_typed(file: str, line: str) -> None:
    assert problem_of(line, whole=True) == "", f"{file}: {line}"


@pytest.mark.parametrize(("page", "line"), suggested(texts_of_pages()))
def test_a_command_in_a_page_is_known(page: str, line: str) -> None:
    assert problem_of(line, whole=False) == "", f"{page}: {line}"


def test_commands_are_found_and_wrong_ones_are_seen() -> None:
    found = {line for _, line in (*suggested(texts_of_sources()), *suggested(texts_of_pages()))}
    assert len(found) > 30
    assert problem_of("curate publish images", whole=True)
    assert problem_of("curate list --nonsense", whole=False)
    assert problem_of("curate --data-dir x recipe nothing", whole=False)


def test_nothing_suggests_to_remove_what_belongs_to_others() -> None:
    harmful = re.compile(r"docker (?:\w+ )?prune")
    assert [each for each in texts_of_sources() if harmful.search(each[1])] == []


def test_a_hint_to_prune_says_how_much_to_keep() -> None:
    lines = [line for _, line in suggested(texts_of_sources()) if "images prune" in line]
    assert lines
    assert all("--keep" in line or "--dry-run" in line for line in lines)


def test_options_that_lead_to_the_data_are_repeated() -> None:
    try:
        remember_options({"data_dir": Path("a b"), "cache_dir": None}, COMMANDS)
        text = "Run: curate crawl o/r. Another process of curate waits."
        expected = "Run: curate --data-dir 'a b' crawl o/r. Another process of curate waits."
        assert complete_commands(text) == expected
    finally:
        remember_options({}, COMMANDS)
    assert complete_commands(text) == text
