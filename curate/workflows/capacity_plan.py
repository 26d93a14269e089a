"""What work costs on one machine or many: a pure function of measured costs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from curate.builders.process.free_space import measure_folder
from curate.core.settings import Settings
from curate.git.locations import mirror_path
from curate.store import RepositoryFunnel, Store
from curate.validate.measured_costs import MeasuredCosts

COMPRESSED_SHARE = 0.35  # of a layer's bytes, as gzip packs it for a registry

POINTS_PER_HOUR = 5_000  # of one GitHub token


@dataclass(frozen=True, kw_only=True)
class CrawlCosts:
    """What crawls have cost, and what they brought; docs/planning.md has the defaults' sources."""

    points_per_pull: float = 0.018  # of GitHub's rate limit
    pulls_per_candidate: float = 93_139 / 11_407  # merged PRs
    candidates_per_repo: float = 66_894 / 358
    mirror_bytes: float = 215e6  # mean of a repository


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What is to be done: candidates to validate by repository, and PRs to crawl for them."""

    name: str
    candidates: Mapping[str, float]
    pulls: float
    repositories: float


@dataclass(frozen=True, kw_only=True)
class Machines:
    """Some equal machines, each with so many parallel workers."""

    count: int
    jobs: int


@dataclass(frozen=True, kw_only=True)
class MachineCost:
    """What a plan asks of each of some machines."""

    machines: int
    wall_hours: float
    disk_bytes: float  # with everything kept that its share builds
    least_disk_bytes: float  # with images removed as soon as they are pushed or rejected


@dataclass(frozen=True, kw_only=True)
class CapacityPlan:
    """What a workload costs."""

    name: str
    candidates: int
    instances: int  # expected to be verified
    repositories: int
    core_hours: float
    registry_bytes: float  # compressed, of the instances and what they share
    download_bytes: float  # at most: of packages
    mirror_bytes: float
    api_points: int
    api_hours: float  # of one token
    machines: Sequence[MachineCost]


def plan_capacity(
    workload: Workload, costs: MeasuredCosts, crawl: CrawlCosts, machines: Sequence[Machines]
) -> CapacityPlan:
    """Return what *workload* costs if every candidate costs the mean of its repository."""
    each = [(costs.get(repo), count) for repo, count in workload.candidates.items()]
    shared = sum(cost.environment_bytes * count for cost, count in each)
    own = sum(cost.instance_bytes * count for cost, count in each)
    kept = sum(
        (cost.environment_bytes + cost.instance_bytes) * count * cost.verified_share
        for cost, count in each
    )
    instances = round(sum(cost.verified_share * count for cost, count in each))
    points = math.ceil(workload.pulls * crawl.points_per_pull)
    mirrors = workload.repositories * crawl.mirror_bytes
    return CapacityPlan(
        name=workload.name,
        candidates=round(sum(count for _, count in each)),
        instances=instances,
        repositories=round(workload.repositories),
        core_hours=sum(cost.work_seconds * count for cost, count in each) / 3600,
        registry_bytes=(kept + (costs.base_bytes if instances else 0)) * COMPRESSED_SHARE,
        download_bytes=shared,
        mirror_bytes=mirrors,
        api_points=points,
        api_hours=points / POINTS_PER_HOUR,
        machines=[_plan_machine(it, workload, costs, mirrors, shared + own) for it in machines],
    )


def _plan_machine(
    machines: Machines, workload: Workload, costs: MeasuredCosts, mirrors: float, built: float
) -> MachineCost:
    each = [(costs.get(repo), count) for repo, count in workload.candidates.items() if count]
    elapsed = sum(cost.elapsed_seconds * count for cost, count in each)
    longest = max((cost.longest_seconds for cost, _ in each), default=0.0)
    largest = max((cost.largest_bytes + cost.instance_bytes for cost, _ in each), default=0.0)
    base = costs.base_bytes + mirrors if each else mirrors
    workers = machines.count * machines.jobs
    return MachineCost(
        machines=machines.count,
        # the last candidate may begin when all others are done
        wall_hours=max(elapsed / workers, longest) / 3600,
        disk_bytes=base + built / machines.count,
        least_disk_bytes=base + min(largest * machines.jobs, built / machines.count),
    )


def read_crawl_costs(
    store: Store, known: Sequence[RepositoryFunnel], settings: Settings
) -> CrawlCosts:
    """Read what the crawls of *store* have cost; what none of them tells is a default.

    *known* are all funnels of *store*.
    """
    funnels = [funnel for funnel in known if funnel.candidates]
    if not funnels:
        return CrawlCosts()
    pulls, candidates = sum(it.pulls for it in funnels), sum(it.candidates for it in funnels)
    points = sum(store.crawl_state(it.repo).points for it in funnels)
    mirrors = [mirror_path(settings, it.repo) for it in funnels]
    sizes = [measure_folder(mirror) for mirror in mirrors if mirror.is_dir()]
    return CrawlCosts(
        points_per_pull=points / pulls if points else CrawlCosts.points_per_pull,
        pulls_per_candidate=pulls / candidates,
        candidates_per_repo=candidates / len(funnels),
        mirror_bytes=sum(sizes) / len(sizes) if sizes else CrawlCosts.mirror_bytes,
    )


def make_workload(candidates: int, crawl: CrawlCosts) -> Workload:
    """Return *candidates* of repositories like those that were measured, still to be crawled."""
    return Workload(
        name=f"{candidates:,}",
        candidates={"": candidates},  # no repository: each costs the mean of all
        pulls=candidates * crawl.pulls_per_candidate,
        repositories=math.ceil(candidates / crawl.candidates_per_repo),
    )
