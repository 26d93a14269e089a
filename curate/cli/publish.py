"""`curate publish`: a release folder, the Hub, and images in a registry."""

import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from curate.cli.common import err_console, get_settings, open_store, print_json
from curate.cli.releasing import (
    prepare_release,
    print_push_estimate,
    push_missing_images,
    push_rows,
    read_hub_token,
    refuse_problems,
)
from curate.core.errors import ConfigurationError, CurateError, NotFoundError
from curate.core.settings import Settings
from curate.publish.check import check_release_folder
from curate.publish.diff import SplitDiff, diff_folders
from curate.publish.excluded import as_release_problems
from curate.publish.filters.config import read_filters
from curate.publish.measures.benchmark_overlap import to_toml
from curate.publish.measures.swebench_lite import CRITERIA_BY_MODE
from curate.publish.release import CHECKSUMS_FILE
from curate.publish.run import ReleaseOptions

EXAMPLE = "Example: [bold]curate publish --hub my-lab/my-tasks --registry ghcr.io/my-lab[/bold]"
_SPLIT = re.compile(r"[a-z][a-z0-9_]*")

publish_app = typer.Typer(no_args_is_help=False)

Folder = Annotated[
    Path | None, typer.Argument(help="Folder of the release. [default: DATA/release]")
]
OutputOption = Annotated[
    Path | None, typer.Option(help="Release directory. [default: DATA_DIR/release]")
]
Hub = Annotated[str, typer.Option(metavar="OWNER/NAME", help="Data set on the Hugging Face Hub.")]
Registry = Annotated[str, typer.Option(metavar="HOST/NAMESPACE", help="Where images go.")]
Private = Annotated[bool, typer.Option(help="Visibility of a new data set.")]
Branch = Annotated[str, typer.Option(help="Branch of the data set; made when it is missing.")]
Tag = Annotated[str, typer.Option(help="Name for this release; it never names another.")]
RulesOption = Annotated[
    str | None, typer.Option("--release-filters", help="Preset or TOML file that holds rows back.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(publish_app, name="publish", epilog=EXAMPLE, invoke_without_command=True)


@publish_app.callback()
def publish_command(  # noqa: PLR0913, PLR0917 (each is an option)
    context: typer.Context,
    output: OutputOption = None,
    hub: Hub = "",
    registry: Registry = "",
    private: Private = True,
    branch: Branch = "main",
    tag: Tag = "",
    rules: RulesOption = None,
    where: Annotated[str, typer.Option(help="SQL condition on verified rows.")] = "",
    lite: Annotated[
        str, typer.Option(help="SWE-bench Lite's criteria: coded or documented.")
    ] = "coded",
    subset: Annotated[
        list[str] | None, typer.Option(metavar="NAME=CONDITION", help="One more split.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Publish verified instances: rows to a folder or the Hub, images to a registry.

    Without a subcommand: write the release, check it, and push it where --hub names a data set. The
    Hub's token is read from HF_TOKEN or the Hub client's own store.
    """
    if context.invoked_subcommand:
        return
    settings = get_settings(context)
    folder = output or settings.data_dir / "release"
    _check_dataset_name(hub)
    options = ReleaseOptions(
        filters=read_filters(rules or settings.release_filters),
        where=where,
        lite=_parse_lite_mode(lite),
        subsets=_parse_subsets(subset or []),
    )
    with open_store(settings) as store:
        images = push_missing_images(store, registry) if registry else {}
        prepare_release(settings, store, folder, repo_id=hub, images=images, options=options)
    result: dict[str, object] = {"folder": str(folder), "images": len(images)}
    refuse_problems(check_release_folder(folder, options.filters))
    if hub:
        result |= push_rows(folder, hub, private=private, branch=branch, tag=tag)
    if as_json:
        print_json(result)


@publish_app.command("check", epilog="Example: [bold]curate publish check[/bold]")
def check_command(
    context: typer.Context,
    folder: Folder = None,
    rules: RulesOption = None,
    as_json: AsJson = False,
) -> None:
    """Tell what is wrong with a release: its files, its columns, each of its rows.

    Also which verified instances of the store the rules hold back, with every reason.
    Exit code 1 when something must not be pushed.
    """
    settings = get_settings(context)
    filters = read_filters(rules or settings.release_filters)
    problems, exclusions = (
        check_release_folder(_existing_release(settings, folder), filters),
        as_release_problems(settings, filters),
    )
    if as_json:
        print_json([vars(problem) for problem in (*problems, *exclusions)])
    for problem in (*problems, *exclusions) if not as_json else ():
        err_console.print(
            f"{'refused' if problem.blocks_push else 'warning'}: {problem}",
            markup=False,
            soft_wrap=True,
        )
    blocking = sum(problem.blocks_push for problem in problems)
    excluded_count = len({problem.instance_id for problem in exclusions})
    warnings = len(problems) - blocking
    err_console.print(
        f"{blocking:,} faults, {warnings:,} warnings; {excluded_count:,} verified are held back"
    )
    if blocking:
        raise typer.Exit(1)


@publish_app.command(
    "diff", epilog="Example: [bold]curate publish diff --hub my-lab/my-tasks[/bold]"
)
def diff_command(
    context: typer.Context, hub: Hub, folder: Folder = None, branch: Branch = "main",
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Tell how a release differs from what the Hub has, by split and column."""
    from curate.publish.hub import download_dataset

    _check_dataset_name(hub)
    here = _existing_release(get_settings(context), folder)
    with tempfile.TemporaryDirectory(prefix="curate-") as there:
        if not download_dataset(hub, Path(there), branch=branch, token=read_hub_token()):
            err_console.print(f"{hub} has no release on {branch} yet")
        found = diff_folders(Path(there), here)
    if as_json:
        print_json([vars(one) for one in found])
    else:
        _print_diff(found)


@publish_app.command(
    "push", epilog="Example: [bold]curate publish push --hub my-lab/my-tasks[/bold]"
)
def push_command(  # noqa: PLR0913, PLR0917 (each is an option)
    context: typer.Context,
    hub: Hub,
    folder: Folder = None,
    private: Private = True,
    branch: Branch = "main",
    tag: Tag = "",
    rules: RulesOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell, do not do.")] = False,
    as_json: AsJson = False,
) -> None:
    """Push a release to the Hub by one commit; refuse what `check` refuses."""
    from curate.publish.hub import plan_push

    _check_dataset_name(hub)
    settings = get_settings(context)
    here = _existing_release(settings, folder)
    refuse_problems(check_release_folder(here, read_filters(rules or settings.release_filters)))
    if dry_run:
        changes = plan_push(here, hub, branch=branch, token=read_hub_token())
        result: dict[str, object] = {"hub": hub, "add": changes.add, "delete": changes.delete}
        for verb, paths in (("add", changes.add), ("delete", changes.delete)):
            for path in paths:
                err_console.print(f"would {verb} {path}", markup=False, soft_wrap=True)
    else:
        result = push_rows(here, hub, private=private, branch=branch, tag=tag)
    if as_json:
        print_json(result)


@publish_app.command(
    "images", epilog="Example: [bold]curate publish images --registry ghcr.io/my-lab[/bold]"
)
def images_command(
    context: typer.Context,
    registry: Registry,
    limit: Annotated[
        float | None,
        typer.Option("--budget", metavar="GB", help="Send nothing if it would be more than this."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell, do not do.")] = False,
    as_json: AsJson = False,
) -> None:
    """Push the images of verified instances that a registry lacks, after telling the bytes."""
    with open_store(get_settings(context)) as store:
        estimate = print_push_estimate(store, registry)
        if limit is not None and estimate.total_bytes > limit * 1e9:
            raise CurateError(
                f"{estimate.total_bytes / 1e9:.2f} GB are more than the budget of {limit:g} GB.",
                hint="Nothing was sent. Raise --budget.",
            )
        pushed = {} if dry_run else push_missing_images(store, registry)
    if as_json:
        print_json({**vars(estimate), "total": estimate.total_bytes, "pushed": len(pushed)})


@publish_app.command(
    "overlaps", epilog="Example: [bold]curate publish overlaps test.parquet > mine.toml[/bold]"
)
def overlaps_command(
    files: Annotated[list[Path], typer.Argument(metavar="ROWS", help="Parquet or JSON lines.")],
    source: Annotated[str, typer.Option(help="Where the rows are from, for the list.")] = "",
) -> None:
    """Print the list of a benchmark's tasks, for the rules' `contamination.lists`, from its rows.

    ROWS are files of a published data set with the columns instance_id and patch.
    """
    from curate.releases.reader import read_columns

    rows = [row for file in files for row in read_columns(file, ("instance_id", "patch"))]
    sys.stdout.write(to_toml(rows, source or ", ".join(file.name for file in files)))


def _existing_release(settings: Settings, folder: Path | None) -> Path:
    path = folder or settings.data_dir / "release"
    if not (path / CHECKSUMS_FILE).is_file():
        raise NotFoundError(f"There is no release in {path}.", hint="Run: curate publish")
    return path


def _print_diff(found: Sequence[SplitDiff]) -> None:
    for one in found:
        counts = f"{len(one.added):,} new, {len(one.removed):,} gone, {len(one.changed):,} changed"
        print(f"{one.split}: {counts}")
        for column, count in one.columns.items():
            print(f"  {column}: {count:,} rows")
        for label, names in (("new", one.new_columns), ("lost", one.removed_columns)):
            if names:
                print(f"  {label} columns: {', '.join(names)}")


def _check_dataset_name(hub: str) -> None:
    if hub and hub.count("/") != 1:
        raise ConfigurationError(f"{hub!r} is no data set name.", hint="Write it as owner/name.")


def _parse_lite_mode(lite: str) -> str:
    if lite not in CRITERIA_BY_MODE:
        raise ConfigurationError(
            f"invalid --lite {lite!r}", hint=f"Choose {' or '.join(CRITERIA_BY_MODE)}."
        )
    return lite


def _parse_subsets(given: Sequence[str]) -> dict[str, str]:
    named = dict(one.partition("=")[::2] for one in given)
    for name, where in named.items():
        if not _SPLIT.fullmatch(name) or name in {"train", "raw", "lite"} or not where.strip():
            hint = """For example: --subset "short=words(problem_statement) < 100"."""
            raise ConfigurationError(f"{name}={where} is no subset.", hint=hint)
    return named
