"""Remove the containers of an owner, as a process of its own: `python -m … OWNER ENGINE`.

It is started by a process that was interrupted and has no time left. The engine may still be
creating containers that the process has asked for, so it looks more than once.
"""

import os
import subprocess
import sys
import time

from curate.builders.process.interrupt import DETACHED_VARIABLE

ROUNDS = 3  # one second apart


def start_removal(owner: str, engine: str = "docker") -> None:
    """Start the process, which outlives this one; *engine* is "docker" or "podman"."""
    subprocess.Popen(
        [sys.executable, "-m", __name__, owner, engine],
        env=os.environ | {DETACHED_VARIABLE: str(os.getpid())},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def main() -> None:
    """Remove the containers of the owner that the command line names."""
    from curate.builders.engine.client import connect_to_engine
    from curate.builders.engine.podman import start_service
    from curate.builders.sandbox.docker import remove_containers

    client = connect_to_engine(address=start_service() if sys.argv[2] == "podman" else "")
    for _ in range(ROUNDS):
        remove_containers(client, sys.argv[1])
        time.sleep(1)


if __name__ == "__main__":
    main()
