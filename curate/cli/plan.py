"""`curate plan`: what the rest will cost, and what larger pools would, on one machine or many."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from curate.cli.common import (
    JobsOption,
    JsonOption,
    RunsOption,
    SandboxKind,
    SandboxOption,
    find_known_repo,
    get_settings,
    has_store,
    load_library,
    not_crawled,
    open_store,
    print_json,
)
from curate.cli.console import WholeLineConsole
from curate.cli.tables import TextTable, print_table
from curate.core.settings import Settings

if TYPE_CHECKING:
    from curate.environments.context import ValidationOptions
    from curate.validate.measured_costs import MeasuredCosts
    from curate.workflows.capacity_plan import CapacityPlan, CrawlCosts, Workload

EXAMPLE = "Example: [bold]curate plan --machines 1 --machines 20 -j 8[/bold]"
POOLS = (66_894, 1_000_000)
MACHINES = (1, 10, 100)
DEFAULT_JOBS = 2


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("plan", epilog=EXAMPLE)(plan_command)


def plan_command(
    context: typer.Context,
    repo: Annotated[
        str | None, typer.Option(metavar="OWNER/NAME", help="Only this repository's rest.")
    ] = None,
    candidates: Annotated[
        list[int] | None,
        typer.Option(
            min=1, max=10**12, help=f"Sizes to compare. (default: {POOLS[0]:,} and {POOLS[1]:,})"
        ),
    ] = None,
    machines: Annotated[
        list[int] | None,
        typer.Option(min=1, max=10**9, help="Numbers of machines. (default: 1, 10, 100)"),
    ] = None,
    jobs: JobsOption = None,
    sandbox: SandboxOption = SandboxKind.DOCKER,
    runs: RunsOption = 3,
    as_json: JsonOption = False,
) -> None:
    """Tell what the rest will cost: core-hours, wall time, disk, registry, API points.

    The figures are means of the validations in the store; where there are none, documented ones.
    The rest is what `curate validate` would do now with the same options. Beside it stand pools of
    other sizes, still to be crawled, of repositories like those in the store.
    """
    from curate.environments.context import ValidationOptions
    from curate.workflows.capacity_plan import Machines, make_workload, plan_capacity

    settings = get_settings(context)
    options = ValidationOptions(runs=runs, backend=sandbox.value)
    costs, crawl, rest = _read_store(settings, options, repo)
    workloads = [*rest, *(make_workload(size, crawl) for size in candidates or POOLS)]
    workers = jobs or DEFAULT_JOBS
    used = [Machines(count=count, jobs=workers) for count in machines or MACHINES]
    plans = [plan_capacity(workload, costs, crawl, used) for workload in workloads]
    if as_json:
        document = {"jobs": workers, "measured": asdict(costs), "crawl": asdict(crawl)}
        print_json(document | {"plans": [asdict(plan) for plan in plans]})
        return
    console = WholeLineConsole()
    print_table(console, _make_table(plans, workers))
    console.print(f"\n{_describe_basis(costs)}", soft_wrap=True)


def _read_store(
    settings: Settings, options: "ValidationOptions", repo: str | None
) -> "tuple[MeasuredCosts, CrawlCosts, Sequence[Workload]]":
    """Return what the store has measured, and its rest; documented means if there is no store."""
    from curate.validate.measured_costs import MeasuredCosts, read_measured_costs
    from curate.validate.pool import pending_tasks
    from curate.workflows.capacity_plan import CrawlCosts, Workload, read_crawl_costs

    if not has_store(settings):
        if repo:
            raise not_crawled(repo)
        return MeasuredCosts(), CrawlCosts(), ()
    with open_store(settings) as store:
        repo = find_known_repo(repo, store) if repo else None
        tasks, _ = pending_tasks(store, load_library(settings), options, ids=(), repo=repo)
        counts = Counter(tasks.repos)
        rest = Workload(name="the rest", candidates=counts, pulls=0, repositories=len(counts))
        funnels = store.list_funnels()
        crawl = read_crawl_costs(store, funnels, settings)
        return read_measured_costs(store, funnels), crawl, (rest,)


def _make_table(plans: "Sequence[CapacityPlan]", jobs: int) -> TextTable:
    rows: list[tuple[str, Callable[[CapacityPlan], str]]] = [
        ("candidates", lambda it: f"{it.candidates:,}"),
        ("repositories", lambda it: f"{it.repositories:,}"),
        ("instances expected", lambda it: f"{it.instances:,}"),
        ("core-hours", lambda it: format_amount(it.core_hours)),
        ("registry", lambda it: format_bytes(it.registry_bytes)),
        ("downloads, at most", lambda it: format_bytes(it.download_bytes)),
        ("git mirrors", lambda it: format_bytes(it.mirror_bytes)),
        ("GitHub API points", lambda it: f"{it.api_points:,}"),
        ("hours of one token", lambda it: format_amount(it.api_hours)),
    ]
    lines: list[tuple[str, ...]] = [(label, *map(read, plans)) for label, read in rows]
    for index, machine in enumerate(plans[0].machines):
        name = f"{machine.machines:,} machine{'s' * (machine.machines > 1)}, -j {jobs}"
        each = [plan.machines[index] for plan in plans]
        lines += [(), (name,)]
        lines.append(("  hours", *(format_amount(it.wall_hours) for it in each)))
        lines.append(("  disk each", *(format_bytes(it.disk_bytes) for it in each)))
        lines.append(("  disk at least", *(format_bytes(it.least_disk_bytes) for it in each)))
    numbers = frozenset(range(1, len(plans) + 1))
    return TextTable(columns=("", *(it.name for it in plans)), rows=lines, numbers=numbers)


def format_amount(amount: float) -> str:
    """Return an amount with one decimal below a hundred."""
    return f"{amount:,.1f}" if amount < 100 else f"{amount:,.0f}"


def format_bytes(size: float) -> str:
    """Return a size in GB, from a thousand on in TB."""
    gigabytes = size / 1e9
    return f"{gigabytes:,.1f} GB" if gigabytes < 1000 else f"{gigabytes / 1000:,.1f} TB"


def _describe_basis(costs: "MeasuredCosts") -> str:
    if not costs.history:
        return "From documented means (docs/planning.md): no validation has been measured yet."
    repos = f"{len(costs.by_repo):,} repositories"
    return f"From {costs.history:,} validations of {repos} in the store."
