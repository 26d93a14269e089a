"""What commands cost on a store of the size of SWE-Gym.

`python -m tests.benchmarks.large_release` makes a store of 2,438 verified and 66,894 candidates of
realistic size, runs each command as a process of its own, and prints seconds, CPU-seconds and peak
memory beside the target of each. The first round makes what is derived of the store, the second
only reads it; targets hold for the second. The exit code is 1 if one is missed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.large_store import REALISTIC, REPOSITORIES, fill_store

MAX_MB = 500
INSTANCE = f"{REPOSITORIES[0].replace('/', '__')}-7"


@dataclass(frozen=True, kw_only=True)
class TimedCommand:
    """A command, and the seconds that it may take."""

    arguments: tuple[str, ...]
    most_seconds: float


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a process took."""

    seconds: float
    cpu_seconds: float
    peak_mb: float


COMMANDS = (
    TimedCommand(arguments=("status",), most_seconds=1.5),
    TimedCommand(arguments=("show", INSTANCE), most_seconds=1.5),
    TimedCommand(arguments=("list", "--json"), most_seconds=3),
    TimedCommand(arguments=("validate", "--dry-run"), most_seconds=5),
    TimedCommand(arguments=("export", "rows.jsonl"), most_seconds=10),
    TimedCommand(
        arguments=("export", "--where", f"instance_id = '{INSTANCE}'", "row.jsonl"), most_seconds=3
    ),
    TimedCommand(arguments=("publish", "--allow-local-images", "--no-verify"), most_seconds=30),
    TimedCommand(arguments=("publish", "--allow-local-images"), most_seconds=30),
    TimedCommand(arguments=("publish", "check"), most_seconds=30),
    TimedCommand(arguments=("publish", "verify"), most_seconds=5),
)


def main() -> int:
    """Print the table; 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=int, default=66_894)
    parser.add_argument("--verified", type=int, default=2_438)
    parser.add_argument("--data-dir", type=Path, help="An existing store instead of a made one.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="curate-large-") as folder:
        data = (options.data_dir or Path(folder) / "data").absolute()
        if not options.data_dir:
            print(f"A store of {options.candidates:,} candidates is made …", file=sys.stderr)
            counts = {"candidates": options.candidates, "verified": options.verified}
            fill_store(data, **counts, rejected=2 * options.verified, sizes=REALISTIC)
        variables = {**os.environ, "CURATE_DATA_DIR": str(data), "CURATE_CACHE_DIR": folder}
        print("| command | round | seconds | CPU-seconds | peak MB | target |")
        print("| --- | --- | --- | --- | --- | --- |")
        missed = [
            _run_command(command, number, Path(folder), variables)
            for number in (1, 2)
            for command in COMMANDS
        ]
    return int(any(missed))


def _run_command(
    command: TimedCommand, number: int, folder: Path, variables: Mapping[str, str]
) -> bool:
    """Print a line; return whether the second round missed the target."""
    cost = _measure(command.arguments, folder, variables)
    name = " ".join(command.arguments)
    target = f"{command.most_seconds:g} s, {MAX_MB} MB" if number == 2 else ""
    costs = f"{cost.seconds:.2f} | {cost.cpu_seconds:.2f} | {cost.peak_mb:.0f}"
    print(f"| {name} | {number} | {costs} | {target} |", flush=True)
    return number == 2 and (cost.seconds > command.most_seconds or cost.peak_mb > MAX_MB)


def _measure(arguments: tuple[str, ...], folder: Path, variables: Mapping[str, str]) -> Cost:
    began = time.perf_counter()
    command = [sys.executable, "-m", "curate", *arguments]
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command, cwd=folder, env=variables, stdout=subprocess.DEVNULL, stderr=errors
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in {0, 1}:
            errors.seek(0)
            told = errors.read()[-2000:]
            raise SystemExit(f"{' '.join(arguments)} ended with {process.returncode}: {told}")
    return Cost(
        seconds=time.perf_counter() - began,
        cpu_seconds=used.ru_utime + used.ru_stime,
        peak_mb=used.ru_maxrss / 1024,
    )


if __name__ == "__main__":
    sys.exit(main())
