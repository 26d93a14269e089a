"""A crawl that is killed again and again, and what must not have happened meanwhile."""

import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.doubles.github.server import GitHubDouble, Request

ROOT = Path(__file__).resolve().parents[2]
_ISSUE = re.compile(r"\bi\d+: issueOrPullRequest\(number: (\d+)\) \{ \.\.\.Thing")

INTERRUPTED = (130, -signal.SIGINT)
"""How a command ends that was interrupted: 130 to a shell, either way.

Python ends by the signal if that came while text was being executed, as when dataclasses are made.
"""


@dataclass(kw_only=True)
class KillStatistics:
    """How it went: moments of the kills, and pages or issues that were asked for once too often."""

    moments: list[float] = field(default_factory=list)  # seconds after the start of each process
    again: list[str] = field(default_factory=list)
    requests: int = 0


def crawl_command(folder: Path, repo: str, mirror: Path, *more: str) -> list[str]:
    """The command line of a crawl into *folder*."""
    command = [sys.executable, "-m", "curate", "--data-dir", str(folder), "crawl", repo]
    return [*command, "--mirror", str(mirror.resolve()), *more]


def start_crawl(command: Sequence[str], double: GitHubDouble, token: str = "token") -> "Process":
    """Run a crawl of *double* in a process group of its own."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CURATE_", "GITHUB_"))}
    mine = {"PYTHONPATH": str(ROOT), "CURATE_GITHUB_API_URL": double.url, "GITHUB_TOKEN": token}
    return subprocess.Popen(
        command,
        env=kept | mine,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


Process = subprocess.Popen[str]


def kill_often(
    command: Sequence[str], folder: Path, double: GitHubDouble, *, kills: int, seed: int
) -> KillStatistics:
    """Kill the crawl *kills* times soon after one of its first requests, then let it end."""
    chance = random.Random(seed)
    told = KillStatistics()
    asked: set[str] = set()
    for turn in range(kills + 1):
        (place, issues), first = pending_requests(folder), len(double.requests)
        process = start_crawl(command, double)
        if turn < kills:
            _kill(process, double, first, chance, told)
        _, said = process.communicate()
        if process.returncode not in (0, -signal.SIGKILL):
            raise AssertionError(said)
        names = [name for it in double.requests[first:] for name in requested_items(it)]
        known = issues | (asked - {place})
        told.again += [f"turn {turn}: {name}" for name in names if name in known]
        asked.update(name for name in names if name.startswith("page"))
    told.requests = len(double.requests)
    return told


def _kill(
    process: Process, double: GitHubDouble, first: int, chance: random.Random, told: KillStatistics
) -> None:
    """Kill after its first, second or third request, while it waits or works on the answer."""
    began, enough = time.monotonic(), first + chance.randint(1, 3)
    while process.poll() is None and len(double.requests) < enough:
        time.sleep(0.005)
    time.sleep(chance.uniform(0, 0.2))
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        told.moments.append(round(time.monotonic() - began, 2))


def requested_items(request: Request) -> list[str]:
    """Pages and issues that a request asks for."""
    if request.operation == "Pulls":
        asked = request.variables or {}
        return [f"page {asked['direction']} {asked['cursor']}"]
    return [f"issue {number}" for number in _ISSUE.findall(request.query)]


def pending_requests(folder: Path) -> tuple[str, set[str]]:
    """The one page a crawl has to go on with, and the issues that it need not ask for."""
    file = folder / "curate.sqlite"
    if not file.exists():
        return "page ASC None", set()
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
        try:
            issues = {f"issue {row[0]}" for row in database.execute("SELECT number FROM issues")}
            states = [json.loads(row[0]) for row in database.execute("SELECT data FROM crawls")]
        except sqlite3.OperationalError:  # killed before the tables were made
            return "page ASC None", set()
    state: dict[str, Any] = states[0] if states else {"is_complete": False, "cursor": None}
    if not state["is_complete"]:
        return f"page ASC {state['cursor']}", issues
    return f"page DESC {(state['incremental_crawl'] or {}).get('cursor')}", issues
