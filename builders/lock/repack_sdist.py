"""Repack source distributions in archives that uv does not read, always to the same bytes.

    python repack_sdist.py LIST FOLDER

downloads each line of LIST, "SHA256 FILENAME URL", and writes it to FOLDER as `.tar.gz`.

Standalone: the script is published with instances whose environments need it.
"""

import bz2
import gzip
import hashlib
import io
import lzma
import subprocess
import sys
import tarfile
import urllib.request
from pathlib import Path


def _unpack_compress(packed: bytes) -> bytes:
    return subprocess.run(["gzip", "-dc"], input=packed, capture_output=True, check=True).stdout


def _write_anew(packed: bytes) -> bytes:
    """Return the tar file in *packed* with headers of today."""
    content = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as source,
        tarfile.open(fileobj=content, mode="w", format=tarfile.GNU_FORMAT) as target,
    ):
        for member in source:
            target.addfile(member, source.extractfile(member) if member.isreg() else None)
    return content.getvalue()


_UNPACK = {
    ".tar.bz2": bz2.decompress,
    ".tbz2": bz2.decompress,
    ".tbz": bz2.decompress,
    ".tar.xz": lzma.decompress,
    ".txz": lzma.decompress,
    ".tar.lzma": lzma.decompress,
    ".tgz": gzip.decompress,
    ".tar.gz": _write_anew,
    ".tar.z": _unpack_compress,
    ".tar": bytes,
}


def find_suffix(filename: str) -> str:
    """Return the suffix of *filename* as it is written, if it is an archive to repack; else ""."""
    lower = filename.lower()
    found = next((suffix for suffix in _UNPACK if lower.endswith(suffix)), "")
    return filename[len(filename) - len(found) :]


def name_repacked(filename: str) -> str:
    """Return the name of the archive *filename* once it is repacked."""
    return filename[: len(filename) - len(find_suffix(filename))] + ".tar.gz"


def repack(packed: bytes, filename: str) -> bytes:
    """Return the archive *packed*, called *filename*, as `.tar.gz`; its files stay the same."""
    return gzip.compress(_UNPACK[find_suffix(filename).lower()](packed), mtime=0)


def main(listed: str, folder: str) -> None:
    """Repack the archives that the file *listed* has into *folder*."""
    for line in Path(listed).read_text(encoding="utf-8").splitlines():
        sha256, filename, url = line.split(" ", 2)
        with urllib.request.urlopen(url, timeout=120) as answer:
            packed = answer.read()
        if hashlib.sha256(packed).hexdigest() != sha256:
            sys.exit(f"{url} is not the file that was recorded: its SHA-256 differs")
        (Path(folder) / name_repacked(filename)).write_bytes(repack(packed, filename))


if __name__ == "__main__":
    main(*sys.argv[1:])
