"""The hostile list on a real engine: `python -m tests.benchmarks.hostile [words of names]`.

Prints a table of case, how the run ended, what would count as FAIL_TO_PASS, and seconds, and exits
with 1 where a case did not end as it must. Needs CURATE_BASE_IMAGE; DOCKER_HOST names the engine.
CURATE_HOSTILE_OUTPUT_MIB says how much the floods of output print.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import docker

from curate.builders.model import BuiltInstance
from curate.builders.sandbox.docker import run_in_container
from tests.helpers.containers import project_image, python_image, sandboxes
from tests.hostile import Case, cases_for
from tests.hostile.case import fail_to_pass


def row(client: docker.DockerClient, built: BuiltInstance, case: Case) -> tuple[str, ...]:
    """Name, end, number of tests that count, seconds, and what was expected if it was not had."""
    started = time.monotonic()
    result = run_in_container(client, built, case.execution)
    seconds = f"{time.monotonic() - started:.1f}"
    try:
        case.check(result)
        assert not sandboxes(client, built), "a container is left"
        told = "as expected" if case.guarded else "not guarded, as docs/security.md says"
    except AssertionError as error:
        told = f"WRONG: expected {case.status}; {str(error)[:400]}"
    return case.name, str(result.status), str(len(fail_to_pass(result))), seconds, told


def main(words: Sequence[str]) -> int:
    """Run the cases that have one of *words* in their names, all if there are none."""
    client = docker.from_env(timeout=120)
    cases = [case for case in cases_for(client) if not words or any(w in case.name for w in words)]
    files = {name: text for case in cases for name, text in case.laid.items()}
    wrong = 0
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with (
            python_image(client, place / "context") as image,
            project_image(client, image, place / "testbed", files) as built,
        ):
            print(f"images: {time.monotonic() - started:.1f} s")
            for case in cases:
                name, end, counted, seconds, told = row(client, built, case)
                print(f"{name:42} {end:14} {counted:>3} {seconds:>6} s  {told}", flush=True)
                wrong += told.startswith("WRONG")
    print(f"{len(cases)} cases, {wrong} wrong, {time.monotonic() - started:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
