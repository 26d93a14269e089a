"""Which commits a draft is made from, and reading them."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from builders.git.tree import GitTree
from builders.python.choose import RELEASES
from curate.core.errors import NotFoundError
from curate.core.model import Candidate
from curate.core.sampling import sample_evenly
from curate.git.mirror import Mirror, default_branch_commits
from curate.git.versions import TagVersionResolver
from curate.recipe_tools.draft.observe import Observation, observe_commit


def observe_commits(
    mirror: Mirror, candidates: Sequence[Candidate], pythons: Sequence[str], count: int
) -> Iterator[Observation]:
    """Up to *count* commits, oldest first, of a time for which there is an interpreter.

    They are base commits of *candidates* where there are some, as those are what has to work, else
    commits of the default branch; spread evenly over them, not over the time.
    """
    version = TagVersionResolver(mirror)
    commits = list(_list_commits(mirror, candidates))
    first = min((RELEASES[name] for name in pythons), default=min(RELEASES.values()))
    usable = [commit for commit in commits if _commit_date(mirror, commit).date() >= first]
    if not usable:
        raise NotFoundError(
            f"No commit in {mirror.path} is of a time with a Python that can be had.",
            hint="See the setting `interpreters`.",
        )
    for commit in sample_evenly(usable, count):
        with GitTree(mirror.path, commit) as tree:
            yield observe_commit(tree, _commit_date(mirror, commit), version(commit))


def _list_commits(mirror: Mirror, candidates: Sequence[Candidate]) -> list[str]:
    if candidates:
        ordered = sorted(candidates, key=lambda candidate: candidate.created_at)
        return list(dict.fromkeys(it.base_commit for it in ordered))
    return default_branch_commits(mirror)


def _commit_date(mirror: Mirror, commit: str) -> datetime:
    return datetime.fromtimestamp(mirror.commit_graph.commit_time(commit), UTC)
