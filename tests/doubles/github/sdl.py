"""GitHub's published GraphQL schema, fetched from npm into a cache that is not committed."""

import hashlib
import subprocess
import tarfile
from pathlib import Path

from platformdirs import user_cache_path

PACKAGE = "@octokit/graphql-schema@15.26.1"
SHA256 = "3c62d0526d133cee53221c89de9b455ade24db78b9e7ad56d642c4c15bce2654"  # of the file in it
CACHE = user_cache_path("curate-ci") / "graphql-schema"


def fetch(cache: Path = CACHE) -> Path:
    """Path of GitHub's SDL (1.2 MB), fetched with `npm pack` when the cache lacks it.

    Raises:
        subprocess.CalledProcessError: npm could not fetch the package.
        ValueError: It is not the file that was pinned.
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
        content = member.read()
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise ValueError(f"{PACKAGE} holds another schema than the one that was pinned")
    return content


if __name__ == "__main__":
    print(fetch())
