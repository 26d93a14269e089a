"""`curate rebuild`: the nightly path; crawl what is new, validate it, write the next release."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.cli.common import (
    ApiOption,
    JobsOption,
    JsonOption,
    MaxTimeOption,
    RunsOption,
    SandboxKind,
    SandboxOption,
    err_console,
    find_repo,
    get_settings,
    load_library,
    open_store,
    parse_duration,
    print_json,
    warn_of_exclusions,
)
from curate.cli.crawl import make_client, print_crawl_summary, read_git_token
from curate.cli.progress import Progress, ProgressDisplay, show_work
from curate.cli.publish_options import (
    LocalImagesOption,
    PrivateOption,
    check_dataset_name,
    prepare_hub_client,
)
from curate.cli.saved_drafts import print_saved_draft
from curate.cli.suggestions import complete_commands
from curate.cli.validate import choose_jobs
from curate.cli.validation_progress import ValidationProgress
from curate.cli.waiting import CrawlProgress
from curate.core.errors import ConfigurationError, CurateError
from curate.core.settings import Settings
from curate.recipes import RecipeLibrary
from curate.store import Store
from curate.store.process_lock import CRAWL, process_lock

if TYPE_CHECKING:
    from curate.workflows.rebuild import RepositoryResult

EXAMPLE = "Example: [bold]curate rebuild --max-time 5h -j 4[/bold]"


class RebuildIncompleteError(CurateError):
    """Some repositories could not be rebuilt; the others were."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rebuild", epilog=EXAMPLE)(rebuild_command)


def rebuild_command(
    context: typer.Context,
    repos: Annotated[
        list[str] | None,
        typer.Argument(metavar="OWNER/NAME", help="(default: all with a recipe)"),
    ] = None,
    max_time: MaxTimeOption = "",
    output: Annotated[
        Path | None, typer.Option(help="Release directory. (default: DATA_DIR/release)")
    ] = None,
    hub: Annotated[
        str, typer.Option(metavar="OWNER/NAME", help="Dataset that the release is for.")
    ] = "",
    registry: Annotated[
        str, typer.Option(metavar="HOST/NAMESPACE", help="Registry that its images are for.")
    ] = "",
    publish: Annotated[
        bool, typer.Option("--publish", help="Push it to --hub, and its images to --registry.")
    ] = False,
    private: PrivateOption = True,
    allow_local_images: LocalImagesOption = False,
    github_api_url: ApiOption = None,
    sandbox: SandboxOption = SandboxKind.DOCKER,
    runs: RunsOption = 3,
    jobs: JobsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Crawl what is new, validate what is new or has a changed recipe, write the next release.

    Each repository gets an equal share of the time that is left. At the time limit no new test run
    begins; the next call continues. A repository without a recipe gets a draft. Nothing leaves this
    machine without --publish.
    """
    from curate.environments.context import ValidationOptions
    from curate.publish.release import require_replaceable
    from curate.validate.run import RunControl
    from curate.workflows.rebuild import RebuildOptions, rebuild_repositories

    settings = get_settings(context, github_api_url=github_api_url)
    target = ReleaseTarget(
        folder=output or settings.data_dir / "release",
        hub=hub,
        registry=registry,
        is_published=publish,
        is_private=private,
        allows_local_images=allow_local_images or not publish,
    )
    target.check()
    require_replaceable(target.folder)
    deadline = time.monotonic() + parse_duration(max_time) if max_time else None
    library = load_library(settings)
    progress = RebuildProgress()
    with open_store(settings) as store, process_lock(settings.data_dir, CRAWL):
        names = [find_repo(repo, store, library) for repo in repos or ()]
        names = list(dict.fromkeys(names)) or [recipe.repo for recipe in library]
        warn_of_exclusions(names, settings)
        options = RebuildOptions(
            validation=ValidationOptions(runs=runs, backend=sandbox.value),
            control=RunControl(
                jobs=jobs or choose_jobs(map(library.get_recipe, names)),
                observer=progress.validation,
            ),
            deadline=deadline,
            on_drafted=print_saved_draft,
        )
        crawl = _make_crawl(store, settings, library, progress)
        with progress:
            results = rebuild_repositories(names, store, settings, library, options, crawl)
        _print_results(results)
        problem = _first_problem(results)
        try:
            with show_work("writing the release"):
                release = _write_release(settings, store, target)
        except CurateError as error:
            if problem is None:
                raise
            err_console.print(f"ERROR release: {error}", markup=False, soft_wrap=True)
            release = None
    if as_json:
        repositories = {result.repo: asdict(result) for result in results}
        print_json({"repositories": repositories, "release": release})
    if problem:
        raise problem


@dataclass(frozen=True, kw_only=True)
class ReleaseTarget:
    """Where the release is written, and what it is for."""

    folder: Path
    hub: str
    registry: str
    is_published: bool  # whether it is pushed there
    is_private: bool = True  # a dataset that does not exist yet
    allows_local_images: bool = False  # images that are on this machine alone

    def check(self) -> None:
        """Raise ConfigurationError if there is nowhere to push to, or *hub* is no name for it."""
        if self.is_published and not (self.hub or self.registry):
            raise ConfigurationError(
                "--publish needs --hub or --registry.", hint="Say where to push to, or omit it."
            )
        if self.hub:
            check_dataset_name(self.hub)

    @property
    def publish_command(self) -> str:
        """The command that pushes what a rebuild has not pushed."""
        flags = [f" --hub {self.hub}"] if self.hub else []
        flags += [f" --registry {self.registry}"] if self.registry else []
        return complete_commands("curate publish" + ("".join(flags) or " --hub OWNER/NAME"))


class RebuildProgress:
    """Progress of a rebuild on stderr: of the crawl or of the validation, whichever is under way.

    It knows a crawl by `start_repository` and a validation by its first step.
    """

    def __init__(self) -> None:
        self.crawl = CrawlProgress()
        self.validation = ValidationProgress()
        self.is_crawling = True
        self._display = ProgressDisplay(self._describe)

    def __enter__(self) -> "RebuildProgress":
        self._display.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._display.__exit__(*exc)

    def _describe(self) -> Progress:
        crawled = self.crawl.describe() if self.is_crawling else Progress(lines=())
        validated = self.validation.describe()
        return Progress(lines=(*crawled.lines, *validated.lines), done=validated.done)


def _make_crawl(
    store: Store, settings: Settings, library: RecipeLibrary, progress: RebuildProgress
) -> Callable[[str], None]:
    """Return a function that crawls a repository and prints what it found."""
    from curate.crawl.mirrors import update_submodule_mirrors
    from curate.crawl.run import CrawlOptions, crawl_from_settings

    client, git_token = make_client(settings, progress.crawl), read_git_token(settings)

    def crawl(repo: str) -> None:
        progress.is_crawling = True
        progress.crawl.start_repository(repo, client)
        recipe = library.get_recipe(repo)
        options = CrawlOptions(git_token=git_token, progress=progress.crawl.update_phase)
        try:
            summary = crawl_from_settings(repo, store, client, settings, recipe, options)
        finally:
            progress.is_crawling = False
        print_crawl_summary(summary)
        update_submodule_mirrors(recipe, store, settings, git_token)

    return crawl


def _print_results(results: Sequence["RepositoryResult"]) -> None:
    for one in results:
        if one.left is None:
            if not one.problem:  # which was logged when it happened
                err_console.print(f"{one.repo}: not reached within the time limit", markup=False)
            continue
        counts = (
            f"{one.attempted:,} attempted: {one.verified:,} verified, {one.rejected:,} rejected"
        )
        state = f"{one.up_to_date:,} up to date, {one.left:,} left"
        err_console.print(f"{one.repo}: {counts}; {state}", markup=False, soft_wrap=True)


def _first_problem(results: Sequence["RepositoryResult"]) -> RebuildIncompleteError | None:
    """The error of the command, with the exit code of the first repository that failed."""
    failed = [result for result in results if result.problem]
    if not failed or failed[0].problem is None:
        return None
    first = failed[0].problem
    error = RebuildIncompleteError(
        f"{len(failed)} of {len(results)} repositories failed, the first"
        f" {failed[0].repo}: {first.message}",
        hint=first.hint or "Run the same command again; verdicts are kept.",
    )
    error.exit_code = first.exit_code
    return error


def _write_release(
    settings: Settings, store: Store, target: ReleaseTarget
) -> dict[str, object] | None:
    """Write the release, and push it if the user said so; None if there is nothing to release."""
    from curate.publish.check import check_release_folder
    from curate.publish.filters.config import read_filters
    from curate.publish.images import set_release_images
    from curate.publish.run import (
        ReleaseOptions,
        ReleaseSteps,
        push_rows,
        require_pushable,
        write_filtered_release,
    )

    if not store.list_repositories():
        err_console.print("Nothing has been crawled, so no release was written.")
        return None
    filters = read_filters(settings.release_filters)
    registry = target.registry if target.is_published else ""
    set_images = partial(
        set_release_images,
        store=store,
        registry=registry,
        allow_local=target.allows_local_images,
        network_timeout=settings.network_timeout,
    )
    written = write_filtered_release(
        settings,
        store,
        target.folder,
        repo_id=target.hub,
        options=ReleaseOptions(filters=filters, allow_no_instances=True),
        steps=ReleaseSteps(set_images=set_images),
    )
    document: dict[str, object] = {"folder": str(target.folder), "images": written.images}
    if not target.is_published:
        err_console.print(f"Nothing was pushed. Next: {target.publish_command}", soft_wrap=True)
        return document
    if target.hub:
        require_pushable(check_release_folder(target.folder, filters))
        token = prepare_hub_client(settings)
        pushed = push_rows(target.folder, target.hub, private=target.is_private, token=token)
        document |= {"hub": target.hub, "commit": pushed.commit, "changed": pushed.changed}
    return document
