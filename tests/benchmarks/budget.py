"""Whether a validation keeps to a budget on a disk that is too small for all it needs.

    CURATE_…=… python -m tests.benchmarks.budget [--disk 12] [--budget 4] [--reserve 2] INSTANCE...

Validates stored candidates once more, in a copy of the data folder, on an engine of its own whose
disk has so many GiB. Prints what became of each, beside its verdict of before, how full the disk
was at most, and what was in use at the end. Needs root, dockerd, ip, and the settings
(docs/settings.md) of the data folder.
"""

import argparse
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from curate.builders.image_gc.collect import ImageGC
from curate.builders.image_gc.last_used import EnvironmentLeases
from curate.builders.process.free_space import free_bytes
from curate.core.model import Validation
from curate.core.settings import Settings, read_settings
from curate.store import Store
from tests.helpers.loop_filesystem import loop_filesystem
from tests.helpers.private_engine import PrivateEngine
from tests.helpers.pty import Watched

GIB = 1 << 30
LOOK_SECONDS = 0.5


def main(arguments: list[str] | None = None) -> None:
    """Print a line an instance, and what the disk had to bear."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.budget")
    parser.add_argument("instances", nargs="+")
    for name, gib in (("disk", 12), ("budget", 4), ("reserve", 2)):
        parser.add_argument(f"--{name}", type=float, default=gib, metavar="GIB")
    parser.add_argument("-j", "--jobs", type=int, default=2)
    asked = parser.parse_args(arguments)
    settings = read_settings({})
    with tempfile.TemporaryDirectory(prefix="curate-budget-") as made:
        folder = Path(made)
        data = folder / "data"
        shutil.copytree(settings.data_dir, data)
        before = read_verdicts(data, asked.instances)
        with (
            loop_filesystem(folder, int(asked.disk * 1024)) as place,
            PrivateEngine(place) as engine,
        ):
            engine.load(settings.base_image)
            os.environ |= {
                "DOCKER_HOST": engine.host,
                "CURATE_DATA_DIR": str(data),
                "CURATE_CACHE_DIR": str(folder / "cache"),
                "CURATE_IMAGE_DISK_LIMIT_GIB": str(asked.budget),
                "CURATE_MIN_FREE_DISK_GIB": str(asked.reserve),
                "CURATE_KEEP_UNPUSHED_IMAGES": "0",
                "CURATE_IMAGE_NAMESPACE": "budget",
            }
            options = ["--runs", "2", "--no-test-strength", "-j", str(asked.jobs)]
            with watch_free_space(place) as least:
                curate = Watched(["validate", *asked.instances, *options], {})
                code = curate.wait()
            print(curate.said[-3000:] if code else "", end="")
            used = make_image_gc(engine, read_settings({})).measure_usage()
        print_changes(asked.instances, before, read_verdicts(data, asked.instances))
    print(f"\nexit code {code}; disk {asked.disk:.1f} GiB, least free {min(least) / GIB:.2f} GiB,")
    print(f"reserve {asked.reserve:.1f} GiB; in use at the end {used.total_bytes / GIB:.2f} GiB,")
    print(f"budget {asked.budget:.1f} GiB")
    sys.exit(code)


def make_image_gc(engine: PrivateEngine, settings: Settings) -> ImageGC:
    """The room of curate's images on *engine*."""
    building = settings.build_settings()
    return ImageGC(engine.client, building, EnvironmentLeases(building.cache_dir / "uses"))


@contextmanager
def watch_free_space(place: Path) -> Iterator[list[int]]:
    """Free bytes of the disk at *place*, looked at again and again."""
    found, over = [free_bytes(place)], threading.Event()

    def look() -> None:
        while not over.wait(LOOK_SECONDS):
            found.append(free_bytes(place))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def read_verdicts(data: Path, names: Sequence[str]) -> dict[str, Validation | None]:
    """The last verdict on each of *names*."""
    with Store(data) as store:
        return {name: store.get_validation(name) for name in names}


def print_changes(
    names: Sequence[str],
    before: dict[str, Validation | None],
    after: dict[str, Validation | None],
) -> None:
    """A line an instance: what was found before, and now."""
    print("| instance | before | now | same FAIL_TO_PASS |")
    print("| --- | --- | --- | --- |")
    for name in names:
        old, new = before[name], after[name]
        fresh = new is not None and (old is None or new.inputs_hash != old.inputs_hash)
        same = old and new and old.verdict.fail_to_pass == new.verdict.fail_to_pass
        print(
            f"| {name} | {verdict_word(old)}"
            f" | {verdict_word(new) if fresh else 'none'} | {bool(same)} |"
        )


def verdict_word(made: Validation | None) -> str:
    """The verdict in a word."""
    if made is None:
        return "none"
    return made.verdict.rejection.reason if made.verdict.rejection else "verified"


if __name__ == "__main__":
    main()
