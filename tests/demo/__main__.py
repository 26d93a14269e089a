"""`python -m tests.demo`: crawl, validate and publish an invented project, and check the result.

GitHub and the Hub are doubles on this machine; git, uv, pytest, the sandbox and the clients are
real. Packages come from the package index. The first run fills a cache, the next is quick.
"""

import argparse
import json
import shlex
import sys
import time
from dataclasses import replace
from pathlib import Path

from tests.demo.check import funnel_differences, pull_differences, row_differences, sandbox_of
from tests.demo.engine import choose_sandbox
from tests.demo.interpreter import recipes_for_this_machine
from tests.demo.sample import ROOT, SAMPLE
from tests.demo.sample_release import pin_python, write_sample_release
from tests.demo.stage import INTERRUPTED, CommandFailedError, Stage, prepared

DATASET = "curate-samples/demo"
SHOWN = "curate-samples__tidytable-2"


def main(arguments: list[str] | None = None) -> int:
    """Play the whole story; 0 if everything came out as the sample expects."""
    options = _parser().parse_args(arguments)
    started = time.monotonic()
    try:
        with prepared(options.folder.resolve()) as ready:
            stage, sandbox = _prepare(ready, options)
            _play(stage, sandbox, options.jobs)
            wrong = _check(stage)
            if options.sample_release and not wrong:
                write_sample_release(stage, options.sample_release)
    except CommandFailedError as failure:
        print(f"\nThe demo failed: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. The next demo begins anew; downloads are kept.", file=sys.stderr)
        return INTERRUPTED
    if wrong:
        print(
            "\nThe demo ran, but not everything came out as data/sample expects:", file=sys.stderr
        )
        print("\n".join(f"  {line}" for line in wrong), file=sys.stderr)
        return 1
    _farewell(time.monotonic() - started)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / ".cache" / "demo")
    parser.add_argument("--sandbox", choices=("auto", "docker", "local"), default="auto")
    parser.add_argument("-j", "--jobs", type=int, default=2)
    parser.add_argument(
        "--sample-release",
        type=Path,
        metavar="DIR",
        help="also write the release as data/sample-release has it, with the local sandbox",
    )
    return parser


def _prepare(stage: Stage, options: argparse.Namespace) -> tuple[Stage, str]:
    """Where tests run on this machine, said in a sentence, and the recipe that goes with it."""
    sandbox, reason = choose_sandbox("local" if options.sample_release else options.sandbox)
    recipes, lacking = SAMPLE, ""
    if options.sample_release:
        recipes = pin_python(stage.folder / "recipes")
    elif sandbox == "local":
        recipes, lacking = recipes_for_this_machine(stage.folder / "recipes")
    print(f"{reason} {lacking}".rstrip(), end="\n\n")
    return replace(
        stage, variables={**stage.variables, "CURATE_RECIPES_DIR": str(recipes)}
    ), sandbox


def _play(stage: Stage, sandbox: str, jobs: int) -> None:
    """Type the commands, one after the other."""
    for name in ("CURATE_DATA_DIR", "CURATE_CACHE_DIR", "CURATE_RECIPES_DIR", "HF_ENDPOINT"):
        print(f"$ export {name}={shlex.quote(stage.variables[name])}")
    repo, mirror = stage.sample.name, str(stage.mirror)
    stage.curate("crawl", repo, "--github-api-url", stage.api_url, "--mirror", mirror)
    stage.curate("validate", "--sandbox", sandbox, "-j", str(jobs))
    local = "--allow-local-images"  # a registry is no part of the demo
    stage.curate("publish", "--output", str(stage.release), "--hub", DATASET, local)
    stage.curate("show", SHOWN)
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


def _farewell(seconds: float) -> None:
    print(f"Everything came out as data/sample expects, in {seconds:.0f} s.\n")
    print("Next, the same with a repository of your choice (any token that reads public ones):\n")
    print("  export GITHUB_TOKEN=…")
    print("  .venv/bin/curate crawl OWNER/NAME --limit 200")


if __name__ == "__main__":
    sys.exit(main())
