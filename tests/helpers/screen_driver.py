"""Run several commands one after the other on the terminal of this process, each with a title.

`python -m tests.helpers.screen_driver '[["status"], …]'`: as a shell would, but for the second that
each start would take. `progress` draws that of a validation and of a crawl, at a fixed time.
"""

import json
import sys
import time

from curate.__main__ import main
from curate.cli import progress
from curate.cli.progress import Progress, ProgressDisplay
from curate.cli.validation_progress import ValidationProgress


def run(arguments: list[str]) -> None:
    print(f"$ curate {' '.join(arguments)}", flush=True)
    sys.argv = ["curate", *arguments]
    try:
        main()
    except SystemExit as end:
        print(f"[{end.code}]", flush=True)


def draw_progress() -> None:
    """Two displays for a moment each, as 12 seconds after their start."""
    validation = ValidationProgress(total=80, interval=0.2)
    for number in range(12):
        validation.on_done(f"owner__name-{number}", "verified" if number % 3 else "lock/timeout")
    validation.on_step("some-long-owner__with-a-long-name-1234", "build environment")
    validation.on_step("owner__name-77", "post-patch 2 of 3")
    crawl = Progress(
        lines=("owner/name: waiting 0:42 (rate limit); Ctrl-C loses nothing", "7 candidates"),
        done=300,
        total=1200,
    )
    displays = (validation, ProgressDisplay(lambda: crawl, interval=0.2))
    for display in displays:
        vars(progress)["time"] = Clock()
        with display:
            time.sleep(0.3)
        vars(progress)["time"] = time
        print("--", flush=True)


class Clock:
    """0 when a display begins, 12 ever after."""

    def __init__(self) -> None:
        self._is_begun = False

    def monotonic(self) -> float:
        was_begun, self._is_begun = self._is_begun, True
        return 12.0 if was_begun else 0.0


if __name__ == "__main__":
    if sys.argv[1] == "progress":
        draw_progress()
    else:
        for each in json.loads(sys.argv[1]):
            run(each)
