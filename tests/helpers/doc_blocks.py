"""Code blocks of the documentation: what each needs, and what is typed in it.

A block that cannot run in a test has a line above it that says what it needs, as
`*Needs Docker and a registry.*`; a page of one session says it once, as
`*All commands of this page need Docker.*`.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.main import get_command

from curate.cli.app import app

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
SHELLS = frozenset({"console", "sh", "shell", "bash"})
NEEDS = frozenset(
    {
        "a GitHub token",
        "a Hub account",
        "a package index",
        "a registry",
        "a cluster",
        "a browser",
        "another machine",
        "instances of your own",
        "Docker",
        "Podman",
        "Apptainer",
        "Harbor",
        "GPUs",
        "root",
    }
)
# What stands for variables in options whose values are checked.
VALUES = {"$shard": "1/24", "$SLURM_CPUS_PER_TASK": "4", "$@": "--dry-run"}
_FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_BLOCK_NEEDS = re.compile(r"\*Needs ([^*]+)\.\*\s*\Z")
_PAGE_NEEDS = re.compile(r"^\*All commands of this page need ([^*]+)\.\*$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Block:
    """A code block."""

    page: Path
    line: int  # of its first line
    language: str
    text: str
    needs: frozenset[str]

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def is_shell(self) -> bool:
        """Whether a person would type it."""
        return self.language in SHELLS

    @property
    def script(self) -> str:
        """What is typed, without prompts and without what is printed."""
        if self.language != "console":
            return self.text
        typed = [line[2:] for line in self.text.splitlines() if line.startswith("$ ")]
        return "\n".join(typed) + "\n"


def read_blocks(page: Path) -> Iterator[Block]:
    """Yield the blocks of *page*, in order."""
    text = page.read_text(encoding="utf-8")
    everywhere = split_needs(_PAGE_NEEDS.search(text))
    for fence in _FENCE.finditer(text):
        before = text[: fence.start()]
        yield Block(
            page=page,
            line=before.count("\n") + 2,
            language=fence[2],
            text=fence[3],
            needs=everywhere | split_needs(_BLOCK_NEEDS.search(before)),
        )


def split_needs(found: re.Match[str] | None) -> frozenset[str]:
    """What a sentence says is needed: "Docker, a registry and a Hub account"."""
    return frozenset(re.split(r", | and ", found[1])) if found else frozenset()


def list_shell_blocks() -> list[Block]:
    """Every block that a person would type, of all pages."""
    return [block for page in PAGES for block in read_blocks(page) if block.is_shell]


def split_commands(script: str) -> Iterator[list[str]]:
    """Yield the words of each simple command of *script*, without redirections."""
    for line in script.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>()")
        lexer.commenters = "#"
        lexer.whitespace_split = True
        command: list[str] = []
        words = iter(lexer)
        for word in words:
            if set(word) <= set("|&;()"):
                yield command
                command = []
            elif set(word) <= set("<>"):
                next(words)
            else:
                command.append(word)
        yield command


def find_curate_commands(script: str) -> Iterator[list[str]]:
    """Yield the arguments of every call of curate in *script*."""
    for words in split_commands(script):
        names = [at for at, word in enumerate(words[:2]) if Path(word).name == "curate"]
        if names:
            arguments = words[names[0] + 1 :]
            yield [VALUES.get(word, word) for word in arguments]


def parse_command(arguments: list[str]) -> None:
    """Let the command line read *arguments* and run nothing; its errors are raised."""
    command = get_command(app)
    context = command.make_context("curate", list(arguments))
    rest = list_rest(context)
    while getattr(command, "commands", None) and rest:
        name, command, rest = command.resolve_command(context, rest)  # type: ignore[attr-defined]
        context = command.make_context(name, rest, parent=context)
        rest = list_rest(context)


def list_rest(context: Any) -> list[str]:
    """What the command of *context* left for a subcommand."""
    return [*context._protected_args, *context.args]
