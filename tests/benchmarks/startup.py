"""What a command costs before it does anything, held against what no typer program can avoid.

`python -m tests.benchmarks.startup` runs curate and its yardsticks in turns, so that all of them
meet the same load, and prints medians and their ratios beside the target of each. The exit code is
1 if a ratio is over its target.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from curate.cli.app import COMMANDS
from tests.helpers.large_store import fill_store

IMPORTS = "import typer, rich"
EMPTY_APP = """
import typer
app = typer.Typer(rich_markup_mode="rich", add_completion=False, no_args_is_help=True)
@app.callback()
def common() -> None:
    "Turn the public history of Python repositories into verified, executable tasks."
def make(name: str, text: str) -> None:
    def command() -> None: ...
    app.command(name, help=text)(command)
for name, text in {commands!r}.items():
    make(name, text)
app()
"""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A command, its yardstick, and how many times that long it may take."""

    name: str
    command: Sequence[str]
    yardstick: Sequence[str]
    most: float


def main() -> int:
    """Print the table; 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--candidates", type=int, default=4000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="curate-startup-") as folder:
        print(f"A store of {options.candidates:,} candidates is made …", file=sys.stderr)
        fill_store(Path(folder) / "data", candidates=options.candidates, verified=100)
        variables = {
            **os.environ,
            "CURATE_DATA_DIR": f"{folder}/data",
            "CURATE_CACHE_DIR": f"{folder}/cache",
            "COLUMNS": "80",
        }
        ratios = [_measured(each, variables, options.rounds) for each in comparisons()]
    return int(any(ratio > each.most for ratio, each in zip(ratios, comparisons(), strict=True)))


def comparisons() -> list[Comparison]:
    """What is compared with what."""
    curate = (sys.executable, "-m", "curate")
    imports = (sys.executable, "-c", IMPORTS)
    empty = (sys.executable, "-c", EMPTY_APP.format(commands=COMMANDS), "--help")
    return [
        Comparison(name="--version", command=(*curate, "--version"), yardstick=imports, most=1.2),
        Comparison(name="--help", command=(*curate, "--help"), yardstick=empty, most=1.3),
        Comparison(name="status", command=(*curate, "status"), yardstick=imports, most=4),
    ]


def _measured(one: Comparison, variables: Mapping[str, str], rounds: int) -> float:
    """Ratio of the medians; the first call of each, which fills caches, is not counted."""
    times: dict[str, list[float]] = {"command": [], "yardstick": []}
    for number in range(rounds + 1):
        for which, command in (("command", one.command), ("yardstick", one.yardstick)):
            seconds = _timed(command, variables)
            if number:
                times[which].append(seconds)
    own, other = statistics.median(times["command"]), statistics.median(times["yardstick"])
    print(f"{one.name:<10} {own:6.3f} s {other:6.3f} s  {own / other:5.2f}  target {one.most:g}")
    return own / other


def _timed(command: Sequence[str], variables: Mapping[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, env=variables, capture_output=True, check=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
