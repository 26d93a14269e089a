"""A store of instances that need no repository, and the command that pushes their images."""

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from curate.core.model import CrawlState
from curate.store import Store
from tests.helpers.factories import make_candidate, make_pull, make_validation
from tests.helpers.fakes import not_none


def save_verified(store: Store, number: int, handle: str, digest: str) -> None:
    """Store owner__name-*number* as verified in the image *handle*, whose id is *digest*."""
    environment = replace(not_none(make_validation().environment), handle=handle, digest=digest)
    store.save_page("owner/name", [make_pull(number, repo="owner/name")], CrawlState())
    statement = f"Problem {number} " + f"of {number}'s own " * number  # no near-duplicate
    store.save_candidate(make_candidate(number, problem_statement=statement))
    store.save_validation("owner/name", make_validation(number, environment=environment))


def push_command(registry: str) -> tuple[list[str], Mapping[str, str]]:
    """Command and variables that push from the store `data` of the working folder."""
    command = [sys.executable, "-m", "curate", "publish", "images", "--registry", registry]
    root = Path(__file__).resolve().parents[2]
    variables = {"PYTHONPATH": str(root), "CURATE_DATA_DIR": "data", "COLUMNS": "200"}
    return command, os.environ | variables
