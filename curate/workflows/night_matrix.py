"""The jobs of a night on several machines: repositories, large ones in shards."""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass

from curate.core.errors import ConfigurationError

MAX_JOBS = 256  # of a matrix of GitHub


@dataclass(frozen=True, kw_only=True)
class NightJob:
    """A part of the night for one machine."""

    repo: str
    shard: str  # "2/3"
    folder: str  # of the repository's mirror, as in "owner__name"
    name: str  # of artifacts: the folder and the shard


def plan_jobs(pending: Mapping[str, int], jobs: int) -> list[NightJob]:
    """Divide *jobs* among repositories with so many *pending* candidates.

    Each gets one; every further one goes where most candidates come on a job. So there may be more
    than *jobs*, and no shard is without a candidate. Raises ConfigurationError for more than a
    matrix may have.
    """
    shards = dict.fromkeys(pending, 1)
    heap = [(-float(count), repo) for repo, count in pending.items()]
    heapq.heapify(heap)
    for _ in range(jobs - len(shards)):
        load, repo = heapq.heappop(heap)
        if -load <= 1:
            break
        shards[repo] += 1
        heapq.heappush(heap, (-pending[repo] / shards[repo], repo))
    if sum(shards.values()) > MAX_JOBS:
        raise ConfigurationError(
            f"{sum(shards.values()):,} jobs are more than the {MAX_JOBS} of a matrix.",
            hint="Give fewer repositories, or a smaller --jobs.",
        )
    return [
        _make_job(repo, index, count)
        for repo, count in shards.items()
        for index in range(1, count + 1)
    ]


def _make_job(repo: str, index: int, count: int) -> NightJob:
    folder = repo.replace("/", "__")
    name = f"{folder}-{index}-of-{count}"
    return NightJob(repo=repo, shard=f"{index}/{count}", folder=folder, name=name)
