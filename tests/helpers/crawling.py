"""A project of some hundred pulls, served and mirrored, for tests of the crawl as a whole."""

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curate.crawl.decide import PullSource
from curate.crawl.run import CrawlOptions, CrawlSummary, crawl_repository
from curate.git.mirror import ensure_mirror, open_mirror
from curate.github.client import GitHubClient
from curate.github.retry import RetryPolicy
from curate.patches.file_kinds import FileClassifier
from curate.store.store import Store
from tests.doubles.github.data import Repository, World
from tests.doubles.github.samples import sample_comment, sample_issue, sample_pull, stamp
from tests.doubles.github.server import GitHubDouble
from tests.helpers.git_history import GitHistory

REPO = "some-owner/thing"
ISSUES = 1000  # issue of pull n is n + ISSUES


@dataclass
class FakeClock:
    """A clock that only waiting moves."""

    seconds: float = 0.0
    reasons: list[str] = field(default_factory=list)

    def policy(self, **changes: Any) -> RetryPolicy:
        return RetryPolicy(sleep=self._sleep, on_wait=self._told, **changes)

    def _sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def _told(self, left: float, reason: str) -> None:
        self.reasons.append(reason)


@dataclass
class ServedProject:
    """A mirror and what GitHub says of it; `fresh` gives a copy that a test may change."""

    mirror: Path
    data: Repository
    world: World = field(init=False)

    def __post_init__(self) -> None:
        self.world = World(self.data)

    def fresh(self) -> "ServedProject":
        return ServedProject(self.mirror, copy.deepcopy(self.data))

    def crawl(
        self,
        folder: Path,
        double: GitHubDouble,
        *,
        tokens: Any = "t",
        waits: FakeClock | None = None,
        warn: Any = lambda text: None,
        timeout: int = 60,
        **options: Any,
    ) -> CrawlSummary:
        policy = (waits or FakeClock()).policy()
        client = GitHubClient(tokens, double.url, policy=policy, on_warning=warn, timeout=timeout)
        with Store(folder) as store, open_mirror(self.mirror) as mirror:
            return crawl_repository(
                REPO,
                store=store,
                client=client,
                source=PullSource(mirror=mirror, classifier=FileClassifier()),
                options=CrawlOptions(**options),
            )


def build_served_project(folder: Path, *, fit: int, unfit: int) -> ServedProject:
    """*fit* pulls that become candidates among *unfit* ones without tests.

    Pull 2 closes 25 issues by GitHub's list, and its first issue has 230 comments.
    """
    git = GitHistory.new(folder / "work")
    base = git.change({"pkg/a.py": "broken\n"})
    data = Repository.of(REPO)
    every = max((fit + unfit) // fit, 1)
    plain = git.change({"pkg/b.py": "b\n"})
    git.pull_ref(1, plain)
    for place in range(fit + unfit):
        number = place + 2
        fits = place % every == 0 and place // every < fit
        head = _fitting(git, base, number) if fits else plain
        ref = {"repo": REPO, "number": number + ISSUES}
        data.pulls[number] = sample_pull(
            number, baseRefOid=base, headRefOid=head, mergeCommit=None, closing=[ref]
        )
        data.issues[number + ISSUES] = sample_issue(number + ISSUES, updatedAt=stamp(number))
    _enlarge(data)
    ensure_mirror(folder / "mirror", str(git.path)).close()
    return ServedProject(folder / "mirror", data)


def _fitting(git: GitHistory, base: str, number: int) -> str:
    git.branch(f"pull-{number}", base)
    head = git.change({"pkg/a.py": f"fixed {number}\n", f"tests/test_{number}.py": "x\n"})
    git.pull_ref(number, head)
    return head


def _enlarge(data: Repository) -> None:
    more = range(ISSUES + 5000, ISSUES + 5024)
    data.issues |= {n: sample_issue(n, updatedAt=stamp(1)) for n in more}
    data.pulls[2]["closing"] += [{"repo": REPO, "number": n} for n in more]
    talk = [sample_comment(1 + n / 100, f"c{n}") for n in range(230)]
    data.issues[2 + ISSUES]["comments"] = talk
