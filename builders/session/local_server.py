"""The shell server of the local sandbox: isolated as a test run, its files under an overlay.

Run as a script: `python -IS local_server.py CONFIG`. CONFIG is that of `server.main`, and `folder`,
for files of the isolation; `pids`; `network`, whether the machine's stays; and `instance`, the
folder that an overlay is mounted over. It mounts by itself, as it keeps the rights for that in its
own namespaces, which its shell's commands lack unless root has started them.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))

from curate.builders.sandbox.isolate import isolate_run
from curate.builders.session.mount_server import make_overlay, move_mount, unmount
from curate.builders.session.server.main import Server

Reply = tuple[dict[str, Any], bytes]


class LocalServer(Server):
    """A server that can mount an overlay over the folder of its instance."""

    def __init__(self, config: Any) -> None:
        hosts = Path(config["folder"]) / "hosts"
        self.note = isolate_run(hosts, pids=config["pids"], has_network=config["network"])
        self.instance = os.open(config["instance"], os.O_PATH)  # without any overlay
        super().__init__(config)

    def do_mount(self, request: Any, _payload: bytes) -> Reply:
        """Mount an overlay of `lower`, the newest first, and `upper` over the instance."""
        if self.note != "isolated":
            raise OSError(self.note)
        instance = f"/proc/self/fd/{self.instance}"
        overlay = make_overlay(
            {
                "lower": [*request["lower"], instance],
                "upper": request["upper"],
                "work": request["work"],
                "in_user_namespace": os.geteuid() != 0,
            }
        )
        try:
            unmount(self.config["instance"])
            move_mount(overlay, self.config["instance"])
        finally:
            os.close(overlay)
        return {}, b""


if __name__ == "__main__":
    LocalServer(json.loads(sys.argv[1])).serve()
