"""`python -m tests.demo`: crawl, validate and publish an invented project, and check the result.

GitHub and the Hub are doubles on this machine; git, uv, pytest, the sandbox and the clients are
real. Packages come from the package index. The first run fills a cache, the next is quick.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from tests.demo.check import funnel_differences, pull_differences, row_differences, sandbox_of
from tests.demo.engine import choose_sandbox
from tests.demo.sample import ROOT
from tests.demo.stage import CommandFailed, Stage, prepared

DATASET = "curate-samples/demo"


def main(arguments: list[str] | None = None) -> int:
    """Play the whole story; 0 if everything came out as the sample expects."""
    options = _parser().parse_args(arguments)
    started = time.monotonic()
    try:
        with prepared(options.folder.resolve()) as stage:
            _play(stage, options)
            wrong = _check(stage)
            published = stage.release
    except CommandFailed as failure:
        print(f"\nThe demo failed: {failure}", file=sys.stderr)
        return 1
    if wrong:
        print(
            "\nThe demo ran, but not everything came out as data/sample expects:", file=sys.stderr
        )
        print("\n".join(f"  {line}" for line in wrong), file=sys.stderr)
        return 1
    _farewell(published, options.folder, time.monotonic() - started)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / ".cache" / "demo")
    parser.add_argument("--sandbox", choices=("auto", "docker", "local"), default="auto")
    parser.add_argument("-j", "--jobs", type=int, default=2)
    return parser


def _play(stage: Stage, options: argparse.Namespace) -> None:
    """Type the commands, one after the other."""
    for name in ("CURATE_DATA", "CURATE_CACHE", "CURATE_RECIPES", "HF_ENDPOINT"):
        print(f"$ export {name}={stage.variables[name]}")
    repo, mirror = stage.sample.name, str(stage.mirror)
    stage.curate("crawl", repo, "--api-url", stage.api_url, "--mirror", mirror)
    sandbox, reason = choose_sandbox(options.sandbox)
    print(f"\n{reason}")
    stage.curate("validate", "--sandbox", sandbox, "-j", str(options.jobs))
    stage.curate("publish", "--to", str(stage.release), "--hub", DATASET)
    stage.curate("status")


def _check(stage: Stage) -> list[str]:
    """Compare funnel, verdicts and what the Hub now holds with the sample's expectations."""
    wrong = funnel_differences(stage.sample, json.loads(stage.answer("status", "--json")))
    pulls = [pull for pull in stage.sample.pulls if pull.expected]
    names = [f"{stage.sample.name.replace('/', '__')}-{pull.number}" for pull in pulls]
    shown = [json.loads(line) for line in stage.answer("show", *names, "--json").splitlines()]
    for pull, one in zip(pulls, shown, strict=True):
        wrong += pull_differences(pull, one)
    print(f"\nSandbox: {sandbox_of(shown)}.")
    if wrong:
        return wrong
    lines = stage.answer(DATASET, "train", module="tests.demo.read_back").splitlines()
    print(f"{len(lines)} rows read back from the Hub double.")
    return row_differences(stage.sample, [json.loads(line) for line in lines])


def _farewell(release: Path, folder: Path, seconds: float) -> None:
    print(f"Everything came out as data/sample expects, in {seconds:.0f} s.")
    print(f"The release is in {release}. Look at a task with:\n")
    print(f"  CURATE_DATA={folder / 'data'} curate show curate-samples__tidytable-6")


if __name__ == "__main__":
    sys.exit(main())
