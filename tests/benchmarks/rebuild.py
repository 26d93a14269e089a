"""Whether a rebuild from the stored lock gives the same packages, and how long environments take.

    CURATE_…=… python -m tests.benchmarks.rebuild INSTANCE...

Needs an engine, and the settings (docs/settings.md) of the data folder that holds verdicts on the
named instances. Each is built twice, no layer of environment or checkout taken from before;
packages come from the cache where they are in it. What `pip freeze` says in the two is compared,
and with the lock.
"""

import argparse
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import median

import docker

from curate.builders.backends.docker import DockerBackend
from curate.builders.model import BuiltInstance, Failure
from curate.core.model import Candidate, Validation
from curate.core.settings import Settings, read_settings
from curate.store import Store
from tests.benchmarks.stored_builds import (
    lock_from_record,
    make_validation_context,
    rebuild_environment,
)

TARGET = 30  # seconds, median of environments without torch, ray or distributed, at most


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one of the builds of an instance holds."""

    packages: frozenset[str]  # lines of `pip freeze --all`
    seconds: float  # of the environment


def main(arguments: list[str] | None = None) -> None:
    """Print a line an instance, and the median of the environments' seconds."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.rebuild")
    parser.add_argument("instances", nargs="+")
    names = parser.parse_args(arguments).instances
    settings = read_settings({})
    seconds = []
    print("\n## Rebuilt from the stored lock\n")
    print(
        "| instance | packages | environment s | same twice"
        " | locked, not installed | not in the lock |"
    )
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    with Store(settings.data_dir) as store:
        for name in names:
            candidate, made = store.get_candidate(name), store.get_validation(name)
            if candidate is None or made is None or made.environment is None:
                print(f"| {name} | not built |")
                continue
            results = [rebuilt(candidate, made, store, settings) for _ in range(2)]
            good = [each for each in results if isinstance(each, Result)]
            seconds += [each.seconds for each in good]
            print(line(made, good) if len(good) == 2 else f"| {name} | {results} |", flush=True)
    if seconds:
        print(
            f"\nmedian {median(seconds):.0f} s per environment, {len(seconds)} built"
            f" (target: {TARGET} s)"
        )


def rebuilt(
    candidate: Candidate, made: Validation, store: Store, settings: Settings
) -> Result | Failure:
    """Build *candidate* from the lock of *made* in a namespace of its own, look, and remove it."""
    own = replace(settings.build_settings(), image_namespace=f"rebuild-{uuid.uuid4().hex[:12]}")
    backend = DockerBackend(own)
    ctx = make_validation_context(store, settings, own, backend)
    try:
        _, built = rebuild_environment(candidate, made, ctx, salt=own.image_namespace)
        if isinstance(built, Failure):
            return built
        return Result(packages=frozen(backend.engine, built), seconds=built.environment_seconds)
    finally:
        _remove(backend.engine, own.image_namespace)


def frozen(engine: docker.DockerClient, built: BuiltInstance) -> frozenset[str]:
    """What pip says is installed in *built*."""
    command = ["python", "-m", "pip", "freeze", "--all"]
    printed = engine.containers.run(built.handle, command, network_mode="none", remove=True)
    return frozenset(printed.decode().splitlines())


def line(made: Validation, results: list[Result]) -> str:
    """A line of the table."""
    first, second = results
    assert made.environment is not None
    locked = {_normal(each) for each in lock_from_record(made.environment).packages}
    found = {_normal(each) for each in first.packages if each[0] not in "#-"}
    missing = sorted(locked - found)
    beyond = sorted(found - locked)
    same = "yes" if first.packages == second.packages else "no"
    seconds = f"{first.seconds:.0f}, {second.seconds:.0f}"
    told = [", ".join(each) or "none" for each in (missing, beyond)]
    return f"| {made.instance_id} | {len(found)} | {seconds} | {same} | {' | '.join(told)} |"


def _normal(package: str) -> str:
    name, separator, version = package.partition("==")
    return f"{name.lower().replace('_', '-').replace('.', '-')}{separator}{version}"


def _remove(engine: docker.DockerClient, namespace: str) -> None:
    for tag in _tags(engine, namespace):
        engine.images.remove(tag, force=True)


def _tags(engine: docker.DockerClient, namespace: str) -> Iterator[str]:
    for image in engine.images.list(filters={"reference": f"{namespace}/*"}):
        yield from (tag for tag in image.tags if tag.startswith(f"{namespace}/"))


if __name__ == "__main__":
    main()
