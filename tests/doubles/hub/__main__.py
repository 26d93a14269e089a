"""`python -m tests.doubles.hub serve --port N [--folder F] [--token T]`."""

import argparse
import contextlib
import threading
from pathlib import Path

from tests.doubles.hub.server import HubDouble


def main() -> None:
    """Serve until interrupted, printing the address first."""
    parser = argparse.ArgumentParser(prog="python -m tests.doubles.hub")
    serve = parser.add_subparsers(dest="action", required=True).add_parser("serve")
    serve.add_argument("--port", type=int, default=0)
    serve.add_argument("--token", default="hf_test")
    serve.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    with HubDouble(port=options.port, token=options.token, folder=options.folder) as hub:
        print(hub.url, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
