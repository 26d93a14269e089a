"""What a reader needs to know of a repository: its files, and skeletons of the likely ones."""

from collections.abc import Sequence
from dataclasses import dataclass

from curate.core.tokens import CountTokens
from curate.process_data.gold_files import SUBMODULE, SYMLINK
from curate.process_data.python_source import PythonSource, UnparsedSource
from curate.process_data.repository import BaseCommit
from curate.process_data.repository_tree import (
    RepositoryTree,
    list_source_files,
    make_tree,
    rank_files,
)
from curate.process_data.skeleton import list_signatures, make_skeleton
from curate.process_data.stages import MAX_FILES


@dataclass(frozen=True, kw_only=True)
class SkippedFile:
    """A file without a skeleton."""

    path: str
    reason: str
    line: int | None = None


@dataclass(frozen=True, kw_only=True)
class Skeletons:
    """Skeletons of files, as one text within a budget.

    *detail* is "full", "gold-files" (others were left out) or "signatures" (of gold's files alone).
    """

    text: str
    paths: tuple[str, ...]
    detail: str


@dataclass(frozen=True, kw_only=True)
class Understanding:
    """The parts of a repository that fit into prompts; None where the budget is too small."""

    tree: RepositoryTree | None
    skeletons: Skeletons | None
    skipped: tuple[SkippedFile, ...]
    python_files: int


def understand_repository(
    base: BaseCommit, issue: str, gold: Sequence[str], budget: int, count_tokens: CountTokens
) -> Understanding:
    """Describe *base* to a reader of *issue*; *gold* are the Python files that a fix changes."""
    plain = [path for path, file in base.files.items() if file.mode not in (SYMLINK, SUBMODULE)]
    sources = list_source_files(plain)
    ranked = rank_files(issue, sources)
    required = [path for path in gold if path in base.files]
    chosen = [*required, *(path for path in ranked if path not in required)][
        : max(MAX_FILES, len(required))
    ]
    parsed, skipped = _parse_files(base, chosen)
    return Understanding(
        tree=make_tree(ranked, required, budget, count_tokens),
        skeletons=_make_skeletons(parsed, required, budget, count_tokens),
        skipped=tuple(skipped),
        python_files=sum(path.endswith(".py") for path in plain),
    )


def _parse_files(
    base: BaseCommit, paths: Sequence[str]
) -> tuple[dict[str, PythonSource], list[SkippedFile]]:
    parsed, skipped = {}, []
    for path in sorted(paths):
        source = base.parse(path)
        if isinstance(source, UnparsedSource):
            skipped.append(SkippedFile(path=path, reason=source.reason, line=source.line))
        else:
            parsed[path] = source
    return parsed, skipped


def _make_skeletons(
    parsed: dict[str, PythonSource], gold: Sequence[str], budget: int, count_tokens: CountTokens
) -> Skeletons | None:
    """Return the fullest text that fits; its files are sorted, so that it does not tell gold's."""
    needed = {path: parsed[path] for path in sorted(gold) if path in parsed}
    if not needed:
        return None
    for detail, files, render in (
        ("full", parsed, make_skeleton),
        ("gold-files", needed, make_skeleton),
        ("signatures", needed, list_signatures),
    ):
        text = "\n".join(wrap_code(path, render(source)) for path, source in files.items())
        if count_tokens(text) <= budget:
            return Skeletons(text=text, paths=tuple(files), detail=detail)
    return None


def wrap_code(path: str, code: str) -> str:
    """Return code of a file as a block of a prompt."""
    language = "python" if path.endswith(".py") else ""
    return f"### File: {path} ###\n```{language}\n{code}```\n"
