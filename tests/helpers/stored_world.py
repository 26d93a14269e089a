"""A working directory with a small store, and commands typed there while services are dead."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

import pytest

from curate.cli.waiting import CrawlProgress
from curate.core.model import CrawlState, Rejection
from curate.github.retry import RetryPolicy
from curate.report.browser.server import BrowserServer
from curate.store import Store
from tests.helpers.command_tree import REPO
from tests.helpers.factories import make_candidate, make_pull, make_validation
from tests.helpers.git_history import GitHistory
from tests.helpers.terminal import Typed, typed

CODES = {*range(9), 130}  # as documented
DEAD = "http://127.0.0.1:9"


def fill(folder: Path) -> None:
    """Make `data` with a mirror and a store: a candidate, a verified one, a rejected PR."""
    git = GitHistory.new(folder / "work")
    git.change({"pyproject.toml": '[project]\nname = "thing"\nversion = "1"\n'})
    git.mirror(folder / "data/mirrors/owner__name.git")
    with Store(folder / "data") as store:
        store.save_page(REPO, [make_pull(n, repo=REPO) for n in (6, 7, 8)], CrawlState())
        for number in (6, 7):
            store.save_candidate(make_candidate(number))
        store.save_validation(REPO, make_validation())
        store.reject_pull(REPO, 8, Rejection(stage="crawl", reason="no-tests"))


def give_up_soon(patch: pytest.MonkeyPatch) -> None:
    """Let services be dead, and nobody wait for them; servers end at once."""
    patch.setattr(BrowserServer, "serve_forever", lambda _: None)
    patch.setattr("huggingface_hub.constants.ENDPOINT", DEAD)
    patch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: None)
    policy = RetryPolicy(sleep=lambda _: None)
    patch.setattr(CrawlProgress, "make_retry_policy", lambda _: policy)


def run(
    arguments: tuple[str, ...],
    folder: Path,
    variables: Mapping[str, str] | None = None,
    **streams: TextIO,
) -> Typed:
    """Run a command; a traceback is an exception here, and fails the test."""
    dead = {
        "DOCKER_HOST": f"unix://{folder}/none.sock",
        "CURATE_GITHUB_API_URL": DEAD,
        "HF_TOKEN": "hf_none",
        "CURATE_CACHE_DIR": str(folder / "cache"),
        "https_proxy": DEAD,
    }
    shutil.rmtree(folder / "recipes", ignore_errors=True)  # a draft that another call wrote
    done = typed(arguments, folder, {**dead, **(variables or {})}, **streams)
    assert done.returncode in CODES, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    if not streams and done.returncode not in {0, 1}:
        assert "rror" in done.stderr  # "Error: …", or the box of a usage error
    return done
