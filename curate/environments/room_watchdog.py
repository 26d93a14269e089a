"""A process that ends what a killed worker has left: builds, sandboxes, its small store.

It waits until the worker's end of its standard input is closed, which the kernel does for a process
that is killed. It is no child of the worker, so that what ends those does not end it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from curate.builders.process.cleanup import kill_by_env_marker
from curate.builders.process.temp_dirs import remove_stale_temp_dirs
from curate.core.settings import Settings

MARKER = "CURATE_ROOM"  # variable of all processes that a room has started: its folder
_CLOSED = b"closed"  # what a worker writes that has cleaned up itself


@contextmanager
def start_watchdog(settings: Settings, sandbox: str, purpose: str) -> Iterator[None]:
    """Have the room of *settings* watched until the end of the block."""
    variables = {name: text for name, text in os.environ.items() if name != MARKER}
    process = subprocess.Popen(
        [sys.executable, "-m", __name__],
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdin
    order = {"settings": settings.model_dump(mode="json"), "sandbox": sandbox, "purpose": purpose}
    process.stdin.write(json.dumps(order).encode() + b"\n")
    process.stdin.flush()
    process.wait()  # it has gone on in another process
    try:
        yield
    finally:
        with suppress(OSError):
            process.stdin.write(_CLOSED)
            process.stdin.close()


def main() -> None:
    """Wait for the end of the worker, then clean up."""
    order = json.loads(sys.stdin.buffer.readline())
    if os.fork():
        os._exit(0)
    if sys.stdin.buffer.read() == _CLOSED:
        return
    settings = Settings.model_validate(order["settings"])
    kill_by_env_marker(f"{MARKER}={settings.data_dir}")
    with suppress(Exception):  # as far as an engine still answers
        _remove_sandboxes(settings, order["sandbox"], order["purpose"])
    remove_stale_temp_dirs(Path(settings.data_dir).parent, "worker")


def _remove_sandboxes(settings: Settings, sandbox: str, purpose: str) -> None:
    from curate.environments.context import open_backend
    from curate.store import Store

    with Store(settings.data_dir) as store:
        open_backend(sandbox, settings, store, purpose).cleanup()


if __name__ == "__main__":
    main()
