"""A question to the build back-end of a commit, and its reply."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from curate.builders.git.tree import GitTree
from curate.builders.metadata.parse import UNRECORDED, FileRecord
from curate.builders.requirements import BackendAnswer
from curate.core.model import Candidate
from curate.recipes import EnvRecipe, Recipe


@dataclass(frozen=True, kw_only=True)
class BackendQuestion:
    """A commit whose requirements are uncertain, and the environment that they are for."""

    candidate: Candidate
    recipe: Recipe
    env: EnvRecipe
    tree: GitTree
    python: str
    date: datetime
    cutoff: datetime  # of the build requirements


@dataclass(frozen=True, kw_only=True)
class BackendReply:
    """What the build back-end said at one commit; valid wherever its files are the same."""

    answer: BackendAnswer | None  # None if it gave none
    error: str = ""
    needs: tuple[str, ...] = ()  # further requirements of the build, if there is no answer
    record: FileRecord = UNRECORDED
    commit: str = ""  # that it was asked at
    version: str = ""  # version of the project, if the answer mentions it
    seconds: float = 0.0
    reached_limit: bool = False  # of time or memory, which another try would reach as well


AskBackend = Callable[[BackendQuestion], BackendReply | None]
