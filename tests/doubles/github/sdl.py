"""GitHub's published GraphQL schema, fetched from npm into a cache that is not committed."""

import subprocess
import tarfile
from pathlib import Path

PACKAGE = "@octokit/graphql-schema@15.26.1"
CACHE = Path(__file__).resolve().parents[3] / ".cache" / "graphql-schema"


def fetch(cache: Path = CACHE) -> Path:
    """Path of GitHub's SDL (1.2 MB), fetched with `npm pack` when the cache lacks it.

    Raises:
        subprocess.CalledProcessError: npm could not fetch the package.
    """
    target = cache / PACKAGE.rpartition("@")[2] / "schema.graphql"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(".part")
        partial.write_bytes(_packed(target.parent))
        partial.replace(target)
    return target


def _packed(folder: Path) -> bytes:
    command = ["npm", "pack", "--silent", "--pack-destination", str(folder), PACKAGE]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    archive = folder / printed.split()[-1]
    with tarfile.open(archive) as tar:
        member = tar.extractfile("package/schema.graphql")
        assert member is not None
        return member.read()


if __name__ == "__main__":
    print(fetch())
