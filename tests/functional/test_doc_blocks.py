"""Every code block of README and docs: commands exist, Python compiles, needs are known."""

import ast
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from curate.core.settings import Settings
from tests.helpers.doc_blocks import (
    NEEDS,
    PAGES,
    ROOT,
    Block,
    find_curate_commands,
    list_shell_blocks,
    parse_command,
    read_blocks,
    split_commands,
)

SHELL_BLOCKS = list_shell_blocks()
PYTHON_BLOCKS = [it for page in PAGES for it in read_blocks(page) if it.language == "python"]
# Variables that are no settings; code or scripts read them.
VARIABLES = re.compile(r"\bCURATE_[A-Z_]*[A-Z]\b")
OTHER_LANGUAGES = frozenset({"text", "ini", "yaml", "json"})
CALL = re.compile(r"(?:^|/|\s|=)curate ((?:-|[a-z]+ |status$).*)$")
INLINE = re.compile(r"(?<!`)`(curate [^`\n]+)`(?!`)")
OTHERS = frozenset({"trl", "transformers"})  # programs of others, which only tests of clients have


def test_there_are_blocks() -> None:
    assert len(SHELL_BLOCKS) > 30 and len(PYTHON_BLOCKS) >= 4


@pytest.mark.parametrize("block", SHELL_BLOCKS, ids=str)
def test_what_a_block_needs_is_on_the_list(block: Block) -> None:
    assert block.needs <= NEEDS


@pytest.mark.parametrize("block", SHELL_BLOCKS, ids=str)
def test_a_shell_reads_it(block: Block) -> None:
    command = ["bash", "-n", "-c", block.script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", SHELL_BLOCKS, ids=str)
def test_the_command_line_accepts_its_commands(block: Block) -> None:
    for arguments in find_curate_commands(block.script):
        parse_command(arguments)


@pytest.mark.parametrize("block", SHELL_BLOCKS, ids=str)
def test_files_of_the_repository_that_it_names_exist(block: Block) -> None:
    tops = {it.name for it in ROOT.iterdir()} - {"data", "tests", ".venv", ".cache"}
    for words in split_commands(block.script):
        for word in words:
            if "/" in word and word.partition("/")[0] in tops:
                assert (ROOT / word).exists(), word


def test_variables_exist() -> None:
    settings = {f"CURATE_{name.upper()}" for name in Settings.model_fields}
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("curate", "builders", ".github/workflows")
        for path in (ROOT / folder).rglob("*.*")
        if path.suffix in (".py", ".yml")
    )
    scripts = "\n".join(it.text for page in PAGES for it in read_blocks(page))
    for page in PAGES:
        for name in set(VARIABLES.findall(page.read_text(encoding="utf-8"))) - settings:
            is_given = re.search(rf": \"\$\{{{name}:\?|name: {name}\b", scripts)
            assert name in code or is_given, f"{page.name}: {name}"


def test_commands_in_the_text_have_options_that_exist() -> None:
    for page in PAGES:
        for text in INLINE.findall(page.read_text(encoding="utf-8")):
            words = re.sub(r"[\[\]|…]", " ", text.partition(" | ")[0]).split()[1:]
            problem = describe_unknown(words)
            assert not problem, f"{page.name}: `{text}`: {problem}"


def test_commands_in_other_blocks_have_options_that_exist() -> None:
    """Of cron, systemd, Kubernetes and workflows, which have readers of their own."""
    pages = [page for page in PAGES if page.parent.name != "reference"]  # which shows usage
    blocks = [block for page in pages for block in read_blocks(page)]
    others = [it for it in blocks if not it.is_shell and it.language in OTHER_LANGUAGES]
    lines = [(it, line) for it in others for line in it.text.splitlines()]
    found = [(it, CALL.search(line)) for it, line in lines]
    calls = [(it, call[1].split()) for it, call in found if call]
    assert len(calls) >= 4
    for block, words in calls:
        assert not describe_unknown(words), f"{block}: {' '.join(words)}"


def describe_unknown(words: list[str]) -> str:
    """What of a command as prose has it (values may be missing) does not exist."""
    try:
        parse_command(words)
    except Exception as error:
        text = str(error)
        is_unknown = text.startswith(("No such option", "No such command"))
        is_meant = "-completion" in text or "COMMAND" in words  # of shells; a placeholder
        return text if is_unknown and not is_meant else ""
    return ""


@pytest.mark.parametrize("block", PYTHON_BLOCKS, ids=str)
def test_python_compiles_and_its_imports_resolve(block: Block) -> None:
    tree = ast.parse(block.text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                resolve(name.name)
        elif isinstance(node, ast.ImportFrom):
            for name in node.names:
                resolve(node.module or "", name.name)


def resolve(module: str, name: str = "") -> None:
    if module.partition(".")[0] in OTHERS:
        return
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and not error.name.startswith("curate"):
            pytest.skip(f"{error.name} is not installed")
        raise
    if name and not hasattr(found, name):
        importlib.import_module(f"{module}.{name}")


def test_a_broken_command_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    typed = "FOO=1 curate crawl a/b --no-such-thing | tee x"
    page.write_text(f"*Needs Docker.*\n\n```console\n$ {typed}\nout\n```\n")
    [block] = read_blocks(page)
    assert (block.needs, block.line) == (frozenset({"Docker"}), 4)
    [arguments] = find_curate_commands(block.script)
    assert arguments == ["crawl", "a/b", "--no-such-thing"]
    assert "No such option" in describe_unknown(arguments)
    assert "No such command" in describe_unknown(["crawk"])


def test_the_documentation_is_built_without_a_warning(tmp_path: Path) -> None:
    """`strict`: a link or an anchor that leads nowhere is a warning, and each ends the build."""
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--quiet",
        "--site-dir",
        str(tmp_path / "site"),
    ]
    done = subprocess.run(
        [*command, "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site/search/search_index.json").stat().st_size > 10_000
    for page in (tmp_path / "site").rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"?(https?:[^\" >]+)", text)
        assert [it for it in loaded if "canonical" not in it] == [], page
