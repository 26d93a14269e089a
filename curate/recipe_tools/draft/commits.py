"""The commits from which a draft is made."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from curate.builders.git.tree import GitTree
from curate.builders.python.choose import RELEASES
from curate.core.errors import NotFoundError
from curate.core.model import Candidate
from curate.core.sampling import sample_evenly
from curate.git.mirror import Mirror, default_branch_commits
from curate.git.versions import TagVersionResolver
from curate.recipe_tools.draft.observe import Observation, observe_commit

EARLIER = timedelta(days=3 * 365)
"""How long before the oldest interpreter commits are read: such code often runs on it."""


def observe_commits(
    mirror: Mirror, candidates: Sequence[Candidate], pythons: Sequence[str], count: int
) -> Iterator[Observation]:
    """Observe up to *count* commits, oldest first, that may run on an available interpreter.

    These are base commits of *candidates* if there are any, as those have to work, else commits of
    the default branch; evenly spaced by position, not by time. Raises NotFoundError if all commits
    are too old.
    """
    resolve_version = TagVersionResolver(mirror)
    commits = list(_list_commits(mirror, candidates))
    oldest_release = min((RELEASES[name] for name in pythons), default=min(RELEASES.values()))
    usable = [it for it in commits if _commit_date(mirror, it).date() >= oldest_release - EARLIER]
    if not usable:
        raise NotFoundError(
            f"All commits in {mirror.path} are older than every available Python.",
            hint="See the setting python_install_dir.",
        )
    for commit in sample_evenly(usable, count):
        with GitTree(mirror.path, commit) as tree:
            yield observe_commit(tree, _commit_date(mirror, commit), resolve_version(commit))


def _list_commits(mirror: Mirror, candidates: Sequence[Candidate]) -> list[str]:
    if candidates:
        ordered = sorted(candidates, key=lambda candidate: candidate.created_at)
        known = [it.base_commit for it in ordered if it.base_commit in mirror.commit_graph]
        return list(dict.fromkeys(known)) or default_branch_commits(mirror)
    return default_branch_commits(mirror)


def _commit_date(mirror: Mirror, commit: str) -> datetime:
    return datetime.fromtimestamp(mirror.commit_graph.commit_time(commit), UTC)
