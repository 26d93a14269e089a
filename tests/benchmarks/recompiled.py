"""What is compiled again of a project with extensions: untouched, with the gold patch, and all.

    CURATE_…=… python -m tests.benchmarks.recompiled COMMAND INSTANCE...

Needs an engine with the images of the named instances, and the settings (docs/settings.md) of the
data folder that holds verdicts on them. COMMAND is what brings the extensions of a checkout up to
date, as the recipe's tests do it. It is run in a container without network, on two cores: as the
image is, after the gold patch, and once more with nothing compiled at all.
"""

import argparse
from collections.abc import Iterable

import docker

from curate.core.model import Candidate
from curate.core.settings import read_settings
from curate.store import Store

SCRIPT = """\
timed() {
    touch /tmp/mark; sleep 1; before=$(date +%s%N)
    ( eval "$COMMAND" ) > /tmp/log 2>&1 || { tail -n 5 /tmp/log >&2; exit 1; }
    seconds=$(( ($(date +%s%N) - before) / 100000000 ))
    echo "$(find . -name '*.so' -newer /tmp/mark -printf '%f\\n' | sort -u | wc -l) $seconds"
}
timed
printf %s "$PATCH" | git apply
timed
git ls-files -oi --exclude-standard | grep -E '[.](c|cpp|o|so)$' | tr '\\n' '\\0' | xargs -0 rm
timed
"""


def main(arguments: list[str] | None = None) -> None:
    """Print a line an instance."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.recompiled")
    parser.add_argument("command")
    parser.add_argument("instances", nargs="+")
    options = parser.parse_args(arguments)
    engine = docker.from_env()
    print("\n## What is compiled again\n")
    print("| instance | files of the gold patch | untouched | with the gold patch | all |")
    print("| --- | --- | --- | --- | --- |", flush=True)
    with Store(read_settings({}).data_dir) as store:
        for name in options.instances:
            candidate, made = store.get_candidate(name), store.get_validation(name)
            if candidate is None or made is None or made.environment is None:
                print(f"| {name} | not built |")
                continue
            counts = measure_recompilation(
                engine, made.environment.handle, candidate, options.command
            )
            cells = (name, files_of(candidate.patch), *map(format_cell, counts))
            print(f"| {' | '.join(cells)} |", flush=True)


def measure_recompilation(
    engine: docker.DockerClient, image: str, candidate: Candidate, command: str
) -> Iterable[tuple[int, float]]:
    """Extensions made anew and seconds: untouched, with the gold patch, from nothing."""
    printed = engine.containers.run(
        image,
        ["bash", "-euc", SCRIPT],
        environment={"COMMAND": command, "PATCH": candidate.patch.decode()},
        network_mode="none",
        nano_cpus=2_000_000_000,
        remove=True,
    )
    for line in printed.decode().splitlines():
        count, tenths = line.split()
        yield int(count), int(tenths) / 10


def files_of(patch: bytes) -> str:
    """The files that *patch* changes, with commas between them."""
    lines = (line for line in patch.decode().splitlines() if line.startswith("diff --git "))
    return ", ".join(line.rpartition(" b/")[2] for line in lines)


def format_cell(count: tuple[int, float]) -> str:
    """A cell of the table."""
    extensions, seconds = count
    return f"{extensions} in {seconds:.1f} s"


if __name__ == "__main__":
    main()
