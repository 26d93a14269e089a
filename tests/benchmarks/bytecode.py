"""What bytecode of the cache saves an environment: `python -m tests.benchmarks.bytecode`.

Installs packages in virtual environments of this machine, by turns with uv's own compilation and
with the cache that image builds use; needs a package index. Printed are ratios of one run.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from curate.builders.images import compile_bytecode
from curate.builders.python.install import find_uv

PACKAGES = ("sympy==1.12", "networkx==3.1", "pydantic==1.10.7", "boto3==1.26.120", "pytest==7.3.1")


def main() -> None:
    """Print seconds of each kind and their ratio."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bytecode")
    parser.add_argument("packages", nargs="*", default=PACKAGES, help="(default: %(default)s)")
    parser.add_argument("--turns", type=int, default=3, help="of each kind (default: %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="curate-bytecode-") as folder:
        cache = Path(folder, "cache")
        place, packages = Path(folder), options.packages
        cold = _seconds(place, packages, cache)
        turns = [
            (_seconds(place, packages, None), _seconds(place, packages, cache))
            for _ in range(options.turns)
        ]
    compiled, cached = (statistics.median(each) for each in zip(*turns, strict=True))
    print(f"compiled by uv {compiled:.1f} s, from the cache {cached:.1f} s, into it {cold:.1f} s")
    print(f"from the cache: {cached / compiled:.2f} of uv's; into it: {cold / compiled:.2f}")


def _seconds(folder: Path, packages: list[str], cache: Path | None) -> float:
    """Seconds to install *packages*, compiled by uv or, with *cache*, by way of it."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        python = Path(place, "venv", "bin", "python")
        _run(find_uv(), "venv", "--quiet", "--python", sys.executable, place + "/venv")
        install = [find_uv(), "pip", "install", "--quiet", "--link-mode=copy", "--python"]
        install.append(str(python))
        _run(*install, *packages, "--dry-run")
        began = time.monotonic()
        _run(*install, *packages, *([] if cache else ["--compile-bytecode"]))
        if cache:
            _run(python, "-I", compile_bytecode.__file__, cache)
        return time.monotonic() - began


def _run(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], check=True)


if __name__ == "__main__":
    main()
