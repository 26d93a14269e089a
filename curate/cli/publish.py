"""`curate publish`: a release directory, the Hub, and images in a registry."""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from curate.cli.common import (
    FiltersOption,
    JobsOption,
    JsonOption,
    err_console,
    get_settings,
    open_store,
    print_json,
)
from curate.cli.progress import show_phases, show_work
from curate.cli.publish_images import EXAMPLE as IMAGES_EXAMPLE
from curate.cli.publish_images import DryRunOption, images_command
from curate.cli.publish_options import (
    BranchOption,
    FolderArgument,
    HubOption,
    LocalImagesOption,
    PrivateOption,
    TagOption,
    check_dataset_name,
    parse_lite_mode,
    parse_subsets,
    prepare_hub_client,
)
from curate.cli.publish_verify import EXAMPLE as VERIFY_EXAMPLE
from curate.cli.publish_verify import make_check, verify_command
from curate.cli.validate import choose_jobs
from curate.core.errors import NotFoundError
from curate.core.settings import Settings
from curate.publish.check import check_release_folder, check_signature
from curate.publish.diff import SplitDiff, diff_folders
from curate.publish.excluded import as_release_problems, make_examiners
from curate.publish.filters.config import read_filters
from curate.publish.images import require_registry_images, set_release_images
from curate.publish.measures.benchmark_overlap import to_toml
from curate.publish.output_paths import explain_path_errors
from curate.publish.release import CHECKSUMS_FILE
from curate.publish.run import (
    ReleaseOptions,
    ReleaseSteps,
    push_rows,
    require_pushable,
    write_filtered_release,
)
from curate.releases.image_names import normalize_registry
from curate.releases.reader import iter_rows

EXAMPLE = "Example: [bold]curate publish --hub my-lab/my-tasks --registry ghcr.io/my-lab[/bold]"

publish_app = typer.Typer(no_args_is_help=False)


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(publish_app, name="publish", epilog=EXAMPLE, invoke_without_command=True)


@publish_app.callback()
def publish_command(
    context: typer.Context,
    output: Annotated[
        Path | None, typer.Option(help="Release directory. (default: DATA_DIR/release)")
    ] = None,
    hub: HubOption = "",
    registry: Annotated[
        str, typer.Option(metavar="HOST/NAMESPACE", help="Registry that images are pushed to.")
    ] = "",
    private: PrivateOption = True,
    branch: BranchOption = "main",
    tag: TagOption = "",
    release_filters: FiltersOption = None,
    where: Annotated[str, typer.Option(metavar="SQL", help="Condition on verified rows.")] = "",
    lite: Annotated[
        str, typer.Option(help="SWE-bench Lite's criteria: coded or documented.")
    ] = "coded",
    subset: Annotated[
        list[str] | None, typer.Option(metavar="NAME=SQL", help="Additional split.")
    ] = None,
    verify: Annotated[
        bool, typer.Option(help="Run evaluation scripts in their images, where that is new.")
    ] = True,
    jobs: JobsOption = None,
    allow_local_images: LocalImagesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Publish verified instances: rows to a directory or the Hub, images to a registry.

    Without a subcommand: run the evaluation scripts as clients do, push the images to --registry,
    write the release, check it, and push it to the dataset of --hub. The token is read from
    HF_TOKEN or the Hub client's own store.
    """
    if context.invoked_subcommand:
        return
    settings = get_settings(context)
    folder = output or settings.data_dir / "release"
    if hub:
        check_dataset_name(hub)
    options = ReleaseOptions(
        filters=read_filters(release_filters or settings.release_filters),
        where=where,
        lite=parse_lite_mode(lite),
        subsets=parse_subsets(subset or []),
    )
    registry = normalize_registry(registry) if registry else ""
    with open_store(settings) as store, show_phases() as progress:
        options = replace(options, progress=progress)
        steps = ReleaseSteps(
            set_images=partial(
                set_release_images,
                store=store,
                registry=registry,
                allow_local=allow_local_images,
                network_timeout=settings.network_timeout,
            )
        )
        if not registry and not allow_local_images:
            steps = replace(steps, require=require_registry_images)
        if verify:
            check = make_check(
                store, settings, options, registry=registry, jobs=jobs or choose_jobs(())
            )
            steps = replace(steps, check=check)
        summary = write_filtered_release(
            settings, store, folder, repo_id=hub, options=options, steps=steps
        )
        problems = check_release_folder(folder, options.filters, summary.examiners, progress)
    result: dict[str, object] = {
        "folder": str(folder),
        "images": summary.images,
        "rows": dict(summary.rows),
        "excluded": summary.excluded,
    }
    require_pushable(problems)
    if hub:
        token = prepare_hub_client(settings)
        result |= _push(folder, hub, private=private, branch=branch, tag=tag, token=token)
    if as_json:
        print_json(result)


@publish_app.command("check", epilog="Example: [bold]curate publish check[/bold]")
def check_command(
    context: typer.Context,
    folder: FolderArgument = None,
    release_filters: FiltersOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a release: its files, its columns, each of its rows.

    Also lists the verified instances of the store that filters exclude, with every reason. Exits
    with 1 if the release must not be pushed.
    """
    settings = get_settings(context)
    filters = read_filters(release_filters or settings.release_filters)
    release = _existing_release(settings, folder)
    with show_phases() as progress:
        examiners = make_examiners(settings, filters)
        problems = check_release_folder(release, filters, examiners, progress)
        problems += check_signature(release, settings.verification_key)
        exclusions = as_release_problems(settings, filters, progress)
    if as_json:
        print_json([vars(problem) for problem in (*problems, *exclusions)])
    for problem in (*problems, *exclusions) if not as_json else ():
        severity = "error" if problem.blocks_push else "warning"
        err_console.print(f"{severity}: {problem}", markup=False, soft_wrap=True)
    blocking = sum(problem.blocks_push for problem in problems)
    excluded_count = len({problem.instance_id for problem in exclusions})
    warnings = len(problems) - blocking
    err_console.print(f"{blocking:,} errors, {warnings:,} warnings; {excluded_count:,} excluded")
    if blocking:
        raise typer.Exit(1)


@publish_app.command(
    "diff", epilog="Example: [bold]curate publish diff --hub my-lab/my-tasks[/bold]"
)
def diff_command(
    context: typer.Context,
    hub: HubOption,
    folder: FolderArgument = None,
    branch: BranchOption = "main",
    as_json: JsonOption = False,
) -> None:
    """Compare a release with the one on the Hub, by split and column."""
    from curate.releases.hub_client import download_dataset

    check_dataset_name(hub)
    settings = get_settings(context)
    here = _existing_release(settings, folder)
    token = prepare_hub_client(settings)
    with tempfile.TemporaryDirectory(prefix="curate-") as there:
        if not download_dataset(hub, Path(there), branch=branch, token=token):
            err_console.print(f"{hub} has no release on {branch} yet", soft_wrap=True)
        found = diff_folders(Path(there), here)
    if as_json:
        print_json([vars(one) for one in found])
    else:
        _print_diff(found)


@publish_app.command(
    "push", epilog="Example: [bold]curate publish push --hub my-lab/my-tasks[/bold]"
)
def push_command(
    context: typer.Context,
    hub: HubOption,
    folder: FolderArgument = None,
    private: PrivateOption = True,
    branch: BranchOption = "main",
    tag: TagOption = "",
    release_filters: FiltersOption = None,
    allow_local_images: LocalImagesOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Push a release to the Hub in one commit, if `check` finds no errors."""
    from curate.publish.hub import plan_push

    check_dataset_name(hub)
    settings = get_settings(context)
    here = _existing_release(settings, folder)
    filters = read_filters(release_filters or settings.release_filters)
    examiners, key = make_examiners(settings, filters), settings.verification_key
    require_pushable([*check_release_folder(here, filters, examiners), *check_signature(here, key)])
    if not allow_local_images:
        require_registry_images(iter_rows(here, "train", ("instance_id", "image")))
    token = prepare_hub_client(settings)
    if dry_run:
        changes = plan_push(here, hub, branch=branch, token=token)
        result: dict[str, object] = {"hub": hub, "add": changes.add, "delete": changes.delete}
        for verb, paths in (("add", changes.add), ("delete", changes.delete)):
            for path in paths:
                err_console.print(f"would {verb} {path}", markup=False, soft_wrap=True)
    else:
        result = _push(here, hub, private=private, branch=branch, tag=tag, token=token)
    if as_json:
        print_json(result)


publish_app.command("images", epilog=IMAGES_EXAMPLE)(images_command)
publish_app.command("verify", epilog=VERIFY_EXAMPLE)(verify_command)


@publish_app.command(
    "benchmark-list",
    epilog="Example: [bold]curate publish benchmark-list test.parquet > mine.toml[/bold]",
)
def benchmark_list_command(
    files: Annotated[list[Path], typer.Argument(metavar="ROWS", help="Parquet or JSON lines.")],
    source: Annotated[str, typer.Option(help="Source of the rows, noted in the list.")] = "",
) -> None:
    """Print a benchmark's list of tasks for the filter `contamination.lists`.

    ROWS are files of its dataset with the columns instance_id and patch.
    """
    from curate.releases.reader import read_columns

    rows = [row for file in files for row in read_columns(file, ("instance_id", "patch"))]
    sys.stdout.write(to_toml(rows, source or ", ".join(file.name for file in files)))


def _push(
    folder: Path, hub: str, *, private: bool, branch: str, tag: str, token: str | None
) -> dict[str, object]:
    with show_work(f"pushing to {hub}"):
        pushed = push_rows(folder, hub, private=private, branch=branch, tag=tag, token=token)
    return {"hub": hub, "commit": pushed.commit, "changed": pushed.changed}


def _existing_release(settings: Settings, folder: Path | None) -> Path:
    path = folder or settings.data_dir / "release"
    with explain_path_errors(path, "read"):
        is_release = (path / CHECKSUMS_FILE).is_file()
    if not is_release:
        raise NotFoundError(f"No release in {path}.", hint="Run: curate publish")
    return path


def _print_diff(found: Sequence[SplitDiff]) -> None:
    for one in found:
        added, removed, changed = map(len, (one.added, one.removed, one.changed))
        print(f"{one.split}: {added:,} added, {removed:,} removed, {changed:,} changed")
        for column, count in one.columns.items():
            print(f"  {column}: {count:,} rows")
        for label, names in (("added", one.new_columns), ("removed", one.removed_columns)):
            if names:
                print(f"  {label} columns: {', '.join(names)}")
