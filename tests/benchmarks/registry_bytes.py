"""Compressed bytes that a release's images take in their registry, layers counted once.

    python -m tests.benchmarks.registry_bytes TRAIN.parquet [--plain]

--plain asks the registry over HTTP without TLS. "Shared" are layers of several instances.
"""

import argparse
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import requests

SWE_GYM = 6.4e12 / 2438  # bytes an instance, SWE-Gym's images by its paper
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def main(arguments: list[str] | None = None) -> None:
    """Print a line a repository, and the sums."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.registry_bytes")
    parser.add_argument("parquet", type=Path)
    parser.add_argument("--plain", action="store_true")
    options = parser.parse_args(arguments)
    columns = ["instance_id", "repo", "image"]
    rows = pq.read_table(options.parquet, columns=columns).to_pylist()
    layers = {row["instance_id"]: layers_of(row["image"], options.plain) for row in rows}
    users = Counter(digest for one in layers.values() for digest in one)
    print("| repository | instances | MB in all | MB of instances alone, median |")
    print("| --- | --- | --- | --- |")
    for repo in sorted({row["repo"] for row in rows}):
        own = [layers[row["instance_id"]] for row in rows if row["repo"] == repo]
        alone = sorted(sum(size for d, size in one.items() if users[d] == 1) for one in own)
        whole = sum({d: size for one in own for d, size in one.items()}.values())
        print(f"| {repo} | {len(own)} | {whole / 1e6:.0f} | {alone[len(alone) // 2] / 1e6:.1f} |")
    sizes = {digest: size for one in layers.values() for digest, size in one.items()}
    alone_all = sum(size for digest, size in sizes.items() if users[digest] == 1)
    each = sum(sizes.values()) / len(rows)
    print(
        f"\n{len(rows)} instances, {len(sizes)} layers, {sum(sizes.values()) / 1e6:.0f} MB:"
        f" {each / 1e6:.1f} MB an instance, {alone_all / len(rows) / 1e6:.1f} MB of it its own;"
        f" SWE-Gym's {SWE_GYM / 1e6:.0f} MB are {SWE_GYM / each:.0f} times that"
    )


def layers_of(reference: str, plain: bool) -> Mapping[str, int]:
    """Compressed bytes of the layers of HOST/NAME@DIGEST."""
    host, _, rest = reference.partition("/")
    name, _, digest = rest.partition("@")
    address = f"{'http' if plain else 'https'}://{host}/v2/{name}/manifests/{digest}"
    answer = requests.get(address, headers={"Accept": MANIFEST}, timeout=60)
    answer.raise_for_status()
    manifest: dict[str, Any] = answer.json()
    return {layer["digest"]: layer["size"] for layer in manifest["layers"]}


if __name__ == "__main__":
    main()
