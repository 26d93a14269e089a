"""The crawls of a rebuild: one client for all, whose waits end with the time limit."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from curate.cli.crawl import make_client, print_crawl_summary, read_git_token
from curate.cli.progress import Progress, ProgressDisplay
from curate.cli.validation_progress import ValidationProgress
from curate.cli.waiting import CrawlProgress
from curate.core.settings import Settings
from curate.recipes import RecipeLibrary
from curate.store import Store

if TYPE_CHECKING:
    from curate.crawl.run import CrawlSummary


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


class NightCrawler:
    """Crawls a repository and prints what it found; see `curate.workflows.rebuild.Crawler`."""

    def __init__(
        self, store: Store, settings: Settings, library: RecipeLibrary, progress: RebuildProgress
    ) -> None:
        from curate.crawl.time_limit import stop_before_wait

        self._store, self._settings, self._library = store, settings, library
        self._progress = progress
        self._deadline: float | None = None
        self._git_token = read_git_token(settings)
        self._client = make_client(settings, progress.crawl)
        policy = self._client.policy
        on_wait = stop_before_wait(lambda: self._deadline, policy.on_wait)
        self._client.policy = replace(policy, on_wait=on_wait)

    @property
    def cost(self) -> tuple[int, int]:
        """Requests and points spent so far."""
        return self._client.requests, self._client.points

    def crawl(self, repo: str, deadline: float | None) -> "CrawlSummary":
        """Crawl *repo* until *deadline*; raises CrawlStoppedError there."""
        from curate.crawl.run import CrawlOptions, crawl_from_settings
        from curate.crawl.time_limit import stop_at_deadline

        self._deadline = deadline
        self._progress.is_crawling = True
        self._progress.crawl.start_repository(repo, self._client)
        progress = stop_at_deadline(deadline, self._progress.crawl.update_phase)
        run = partial(crawl_from_settings, repo, self._store, self._client, self._settings)
        options = CrawlOptions(git_token=self._git_token, progress=progress)
        try:
            summary = run(self._library.get_recipe(repo), options)
        finally:
            self._progress.is_crawling = False
        print_crawl_summary(summary)
        return summary

    def update_submodules(self, repo: str) -> None:
        """Clone or update the mirrors of the submodules of *repo*."""
        from curate.crawl.mirrors import update_submodule_mirrors

        recipe = self._library.get_recipe(repo)
        update_submodule_mirrors(recipe, self._store, self._settings, self._git_token)
