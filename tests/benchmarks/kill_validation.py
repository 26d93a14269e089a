"""What being killed does to a validation: kill -9 at random moments, on a Docker engine of its own.

    python -m tests.benchmarks.kill_validation [--times 20] [--engine] [--folder FOLDER]

Twelve instances are validated undisturbed, then in a fresh folder with kill -9 of curate's process
group (with --engine: of dockerd and its containerd), each time followed by the same command. Prints
a line a kill, what the two stores differ in, and what is left, and exits with 1 where either is
anything. Needs root, dockerd, ip and CURATE_BASE_IMAGE (from the engine in use, or a registry).
"""

import argparse
import json
import os
import random
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.benchmarks.fault_loop import HEAD, Disturbance, FaultLoop, find_differences
from tests.benchmarks.store_fingerprint import fingerprint_store
from tests.helpers.private_engine import PrivateEngine
from tests.helpers.pty import Watched
from tests.helpers.resource_leaks import image_names
from tests.helpers.sample_candidates import crawled

PHASES: Mapping[str, tuple[str, float, float]] = {
    # step that shows it, seconds until it must have come, longest wait in it
    "planning": ("", 0.0, 0.0),  # until the first step
    "lock": ("resolving requirements", 30.0, 0.7),
    "build": ("building", 60.0, 3.0),
    "runs": ("pre-patch run|post-patch run", 120.0, 12.0),
    "strength": ("hunk ablation|config-only patch", 180.0, 5.0),
}
SURVIVAL = 15.0  # seconds after which a curate that the engine's end did not end counts as alive
SHARED = ("kills/base:", "kills/python:")


def run_undisturbed(scene: FaultLoop) -> float:
    """Let the command run to its end; seconds until its first step."""
    watched = scene.begin()
    watched.wait_for(bool)
    first = watched.seconds
    if watched.wait():
        raise SystemExit(watched.said[-3000:])
    scene.note(watched)
    print(f"undisturbed: {len(scene.look())} verdicts in {watched.seconds:.0f} s", flush=True)
    return first


def phases(times: int, chance: random.Random) -> list[str]:
    """Each phase equally often, in random order, but locks first: once stored they are not made."""
    wanted = [list(PHASES)[n % len(PHASES)] for n in range(times)]
    chance.shuffle(wanted)
    return sorted(wanted, key=lambda phase: phase != "lock")


def kill_curate(
    scene: FaultLoop, wanted: Sequence[str], first: float, chance: random.Random
) -> None:
    """Kill curate once in each of the *wanted* phases, then let it end."""
    for number, phase in enumerate(wanted, 1):
        watched = scene.begin()
        if not _await(scene, watched, phase, first, chance):
            scene.note(watched)
            break
        kill = Disturbance(number=number, phase=phase, seconds=watched.seconds, step=watched.step)
        watched.kill()
        time.sleep(0.3)
        _conclude(scene, kill, watched)
    _finish(scene)


def kill_engine(
    scene: FaultLoop, wanted: Sequence[str], first: float, chance: random.Random
) -> None:
    """Kill the engine in each of the *wanted* phases; every other time it is back at once."""
    watched = None
    for number, phase in enumerate(wanted, 1):
        watched = watched or scene.begin()
        if not _await(scene, watched, phase, first, chance):
            break
        kill = Disturbance(number=number, phase=phase, seconds=watched.seconds, step=watched.step)
        scene.engine.kill()
        if number % 2:
            scene.engine.start()
        code = _end(watched, SURVIVAL if number % 2 else 600)
        kill.end = _ending(watched, code) + (", engine back at once" if number % 2 else "")
        if code not in (None, 0, 3):
            scene.wrong.append(f"kill {number}: exit code {code}: {watched.said[-800:]}")
        if not number % 2:
            scene.engine.start()
        if code is None:
            kill.before = scene.look()
            kill.after, kill.still = kill.before, set()
            scene.kills.append(kill)
            continue
        _conclude(scene, kill, watched)
        watched = None
    if watched:
        watched.wait()
        scene.note(watched)
    _finish(scene)


def _await(
    scene: FaultLoop, watched: Watched, phase: str, first: float, chance: random.Random
) -> bool:
    """Wait for a random moment of *phase*; False if the command has ended by itself."""
    step, patience, longest = PHASES[phase]
    if phase == "planning":
        watched.wait_for(bool, chance.uniform(0, first))
    else:
        watched.wait_for(bool)
        scene.restarted(watched)
        pattern = re.compile(f": (?:{step})")
        watched.wait_for(lambda now: bool(pattern.search(now)), patience)
        watched.wait_for(lambda _: False, chance.uniform(0, longest))
    return watched.process.poll() is None


def _conclude(scene: FaultLoop, kill: Disturbance, watched: Watched) -> None:
    scene.note(watched)
    kill.left, kill.before = scene.leftovers(), scene.look()
    scene.kills.append(kill)
    print(kill.line, file=sys.stderr)


def _finish(scene: FaultLoop) -> None:
    """The same command once more, undisturbed."""
    watched = scene.begin()
    watched.wait_for(bool, 60)
    scene.restarted(watched)
    code = watched.wait()
    scene.note(watched)
    if code:
        scene.wrong.append(f"the last command ended with {code}: {watched.said[-800:]}")
    print(f"in the end: {len(scene.look())} verdicts", flush=True)


def _end(watched: Watched, seconds: float) -> int | None:
    """The exit code, None if it goes on."""
    watched.wait_for(lambda _: False, seconds)
    return watched.wait() if watched.process.poll() is not None else None


def _ending(watched: Watched, code: int | None) -> str:
    if code is None:
        return "goes on"
    errors = [line for line in watched.said.splitlines() if line.startswith("Error: ")]
    return f"exit {code}" + (f" ({' '.join(errors[-1].split()[1:7])} …)" if errors else "")


def main() -> int:
    """Both runs, the table, the faults."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.kill_validation", description=__doc__
    )
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--engine", action="store_true", help="kill the engine, not curate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-j", "--jobs", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="keeps base images and undisturbed run")
    options = parser.parse_args()
    temporary = tempfile.mkdtemp(prefix="kills-") if options.folder is None else None
    folder = Path(temporary or options.folder).resolve()
    try:
        return run_benchmark(folder, options)
    finally:
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)


def run_benchmark(folder: Path, options: argparse.Namespace) -> int:
    """The two runs below *folder*."""
    chance = random.Random(options.seed)
    with PrivateEngine(folder / "engine") as engine:
        engine.load(os.environ["CURATE_BASE_IMAGE"])
        _forget_images(engine)
        own = {
            "DOCKER_HOST": engine.host,
            "CURATE_IMAGE_NAMESPACE": "kills",
            "CURATE_MIN_FREE_DISK_GIB": "1",
        }
        first, images = _undisturbed(folder / "quiet", engine, options.jobs, own)
        truth = fingerprint_store(folder / "quiet" / "data")
        _forget_images(engine)
        killed = _scene(folder / "killed", engine, options.jobs, own)
        killed.truth = truth
        act = kill_engine if options.engine else kill_curate
        act(killed, phases(options.times, chance), first, chance)
        found = find_differences(killed, truth, images)
    kills = killed.kills
    print(f"\n{HEAD}\n|" + " --- |" * (HEAD.count(" | ") + 1), *(it.line for it in kills), sep="\n")
    print(f"\n{len(kills)} kills; {len(found)} things wrong", *found, sep="\n  ")
    return 1 if found or len(kills) < options.times else 0


def _undisturbed(
    folder: Path, engine: PrivateEngine, jobs: int, own: Mapping[str, str]
) -> tuple[float, list[str]]:
    """Seconds until the first step, and names of images, of a run in *folder*; made only once."""
    told = folder / "undisturbed.json"
    if not told.exists():
        first = run_undisturbed(_scene(folder, engine, jobs, own))
        told.write_text(json.dumps((first, image_names(engine.client))), encoding="utf-8")
    first, images = json.loads(told.read_text(encoding="utf-8"))
    return first, images


def _scene(folder: Path, engine: PrivateEngine, jobs: int, own: Mapping[str, str]) -> FaultLoop:
    shutil.rmtree(folder, ignore_errors=True)
    scene = FaultLoop(folder, engine, jobs)
    with crawled(folder) as variables:
        scene.variables = variables | dict(own)
    return scene


def _forget_images(engine: PrivateEngine) -> None:
    """Remove what was built but for base and interpreter, and all build cache."""
    client = engine.client
    for image in reversed(client.images.list()):
        for tag in image.tags:
            if tag.startswith("kills/") and not tag.startswith(SHARED):
                client.images.remove(tag, force=True)
    client.api.prune_builds(all=True)


if __name__ == "__main__":
    sys.exit(main())
