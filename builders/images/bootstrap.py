"""Create a Debian base image without a registry: `python -m curate.builders.images.bootstrap`.

For machines that can reach a Debian mirror but no image registry. Needs root and `debootstrap`.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from curate.builders.engine.client import connect_to_engine
from curate.builders.errors import BuilderError

SUITE = "bookworm"
TAG = f"curate/bootstrap:{SUITE}"
MIRROR = "http://deb.debian.org/debian"


def make_base_image(*, tag: str = TAG, suite: str = SUITE, mirror: str = MIRROR) -> str:
    """Create the image *tag* of Debian's *suite* unless it exists, and return its id.

    Raises:
        BuilderError: `debootstrap` is missing or fails.
        EngineUnavailableError: No container engine responds.
    """
    from docker.errors import ImageNotFound

    client = connect_to_engine()
    try:
        return str(client.images.get(tag).id)
    except ImageNotFound:
        pass
    with tempfile.TemporaryDirectory(prefix="curate-bootstrap-") as folder:
        root, archive = Path(folder) / "root", Path(folder) / "root.tar"
        _run_command(
            "debootstrap", "--variant=minbase", "--include=ca-certificates", suite, root, mirror
        )
        _remove_caches(root)
        _run_command("tar", "--numeric-owner", "--sort=name", "-C", root, "-cf", archive, ".")
        repository, _, name = tag.rpartition(":")
        client.api.import_image(
            src=str(archive),
            repository=repository,
            tag=name,
            changes=['CMD ["bash"]', f"LABEL curate.bootstrap={suite}"],
        )
    return str(client.images.get(tag).id)


def main() -> None:
    """Create the image and print its tag."""
    parser = argparse.ArgumentParser(
        prog="python -m curate.builders.images.bootstrap", description=__doc__
    )
    parser.add_argument("--tag", default=TAG, help="name of the image (default: %(default)s)")
    parser.add_argument("--suite", default=SUITE, help="Debian release (default: %(default)s)")
    parser.add_argument("--mirror", default=MIRROR, help="Debian mirror (default: %(default)s)")
    options = parser.parse_args()
    try:
        make_base_image(tag=options.tag, suite=options.suite, mirror=options.mirror)
    except BuilderError as error:
        sys.exit(f"{error}\n{error.hint}".strip())
    print(options.tag)


def _remove_caches(root: Path) -> None:
    """Remove downloaded packages, package lists and logs."""
    for pattern in ("var/cache/apt/archives/*.deb", "var/lib/apt/lists/*_*", "var/log/*.log"):
        for path in root.glob(pattern):
            path.unlink()


def _run_command(*command: str | Path) -> None:
    try:
        subprocess.run([str(part) for part in command], check=True, capture_output=True)
    except FileNotFoundError as error:
        raise BuilderError(
            f"{command[0]} is not installed", hint=f"Run: apt install {command[0]}"
        ) from error
    except subprocess.CalledProcessError as error:
        log = (error.stdout + error.stderr).decode(errors="replace")
        raise BuilderError(f"{command[0]} failed: {log[-2000:]}") from error


if __name__ == "__main__":
    main()
