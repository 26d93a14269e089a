"""`python -m tests.doubles.github serve|derive`: the double for other processes, and its data."""

import argparse
import json
import signal
import time
from pathlib import Path

from tests.doubles.github.data import World
from tests.doubles.github.derive import derive
from tests.doubles.github.schema import SMALL, load_schema
from tests.doubles.github.server import GitHubDouble


def main(arguments: list[str] | None = None) -> None:
    """Run a command; the address or the counts go to stdout."""
    options = _parser().parse_args(arguments)
    options.run(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.doubles.github", description=__doc__)
    commands = parser.add_subparsers(required=True)
    serve = commands.add_parser("serve", help="serve derived repositories over HTTP")
    serve.add_argument("folders", nargs="+", type=Path, help="repository folders or files in them")
    serve.add_argument("--port", type=int, default=0)
    serve.add_argument("--schema", type=Path, default=SMALL, help="SDL file (default: our own)")
    serve.add_argument("--token", action="append", help="a token that is good (default: any)")
    serve.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    serve.add_argument("--budget", type=int, default=5000, help="points of a token in an hour")
    serve.set_defaults(run=_serve)
    cache = commands.add_parser("derive", help="derive a repository's folder from a bare mirror")
    cache.add_argument("mirror", type=Path)
    cache.add_argument("name", metavar="owner/name")
    cache.add_argument("out", type=Path)
    cache.add_argument("--links", type=Path, help='JSON file, {"pull": [issue, ...]}')
    cache.add_argument("--always", type=Path, help="file of pull numbers that must have an issue")
    cache.set_defaults(run=_derive)
    return parser


def _serve(options: argparse.Namespace) -> None:
    world = World.load(*options.folders)
    double = GitHubDouble(
        world,
        load_schema(options.schema),
        port=options.port,
        token=options.token,
        latency=options.latency,
        budget=options.budget,
    )
    for name in (signal.SIGINT, signal.SIGTERM):  # a shell's background jobs ignore SIGINT
        signal.signal(name, signal.default_int_handler)
    print(double.url, flush=True)
    try:
        double.serve_forever()
    except KeyboardInterrupt:
        print(json.dumps({"requests": len(double.requests), "points": double.points}))


def _derive(options: argparse.Namespace) -> None:
    started = time.monotonic()
    given = json.loads(options.links.read_text()) if options.links else {}
    always = {int(it) for it in options.always.read_text().split()} if options.always else set()
    extra = {int(pull): issues for pull, issues in given.items()}
    repository = derive(options.mirror, options.name, extra=extra, always=always)
    repository.save(options.out)
    counts = {"pulls": len(repository.pulls), "issues": len(repository.issues)}
    print(json.dumps({**counts, "seconds": round(time.monotonic() - started, 1)}))


if __name__ == "__main__":
    main()
