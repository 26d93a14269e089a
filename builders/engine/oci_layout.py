"""An OCI image layout: a folder of images whose shared layers are stored once.

Every blob is a file named by its hash, so a layout can be copied, extended and read by any tool
(`oci:FOLDER:NAME` of skopeo, Podman and Apptainer). Images come as `docker save` writes them, in
its old form or that of Docker 25; their layers stay as they are, their configuration is copied byte
by byte. A killed process leaves no more than files that the next one replaces.
"""

import hashlib
import io
import json
import os
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from curate.builders.errors import SandboxError
from curate.builders.process.atomic_write import atomic_write, partial_file
from curate.builders.process.file_lock import file_lock

NAME_KEY = "org.opencontainers.image.ref.name"
INSTANCE_KEY, DIGEST_KEY = "curate.instance", "curate.digest"  # annotations of an image
_MEDIA = "application/vnd.oci.image"
_LAYER_KINDS = ((b"\x1f\x8b", "tar+gzip"), (b"\x28\xb5\x2f\xfd", "tar+zstd"))
_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class LayoutImage:
    """An image of a layout."""

    instance: str
    digest: str  # by which it was asked for: of its manifest in a registry, or of its configuration
    name: str  # in the layout
    manifest: str  # digest of the manifest in the layout


class OciLayout:
    """The layout in *folder*, which is created by the first `add`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    def images(self) -> list[LayoutImage]:
        """Return all images; raises SandboxError if the index is damaged."""
        return [
            LayoutImage(
                instance=notes.get(INSTANCE_KEY, ""),
                digest=notes.get(DIGEST_KEY, ""),
                name=notes.get(NAME_KEY, ""),
                manifest=entry["digest"],
            )
            for entry in self._read_index()["manifests"]
            if (notes := entry.get("annotations", {}))
        ]

    def find(self, digest: str) -> LayoutImage | None:
        """Return the image that was added by *digest*, if all of its files are there."""
        found = next((it for it in self.images() if it.digest == digest), None)
        return found if found and self._is_complete(found.manifest) else None

    def add(self, instance: str, digest: str, archive: Iterable[bytes]) -> LayoutImage:
        """Add the one image of *archive*, as `docker save` writes it.

        Raises:
            SandboxError: The archive is truncated or is none.
            OSError: The folder cannot be written.
        """
        self._blobs.mkdir(parents=True, exist_ok=True)
        blobs: dict[str, dict[str, Any]] = {}
        documents: dict[str, bytes] = {}
        try:
            with tarfile.open(fileobj=_Stream(archive), mode="r|", bufsize=_CHUNK) as tar:
                for member in tar:
                    self._take_member(tar, member, blobs, documents)
            saved = json.loads(documents["manifest.json"])[0]
            layers = [blobs[name] for name in saved["Layers"]]
            config = {**blobs[saved["Config"]], "mediaType": f"{_MEDIA}.config.v1+json"}
        except (tarfile.TarError, KeyError, IndexError, ValueError, TypeError) as error:
            raise SandboxError(f"the engine's archive of the image is damaged: {error}") from error
        manifest = self._write_document(
            {
                "schemaVersion": 2,
                "mediaType": f"{_MEDIA}.manifest.v1+json",
                "config": config,
                "layers": layers,
            }
        )
        return self._enter(instance, digest, manifest)

    def write_view(self, image: LayoutImage, target: Path) -> None:
        """Make *target*, an empty folder, a layout of *image* alone; its blobs stay here."""
        index = self._read_index()
        chosen = [it for it in index["manifests"] if it["digest"] == image.manifest]
        index["manifests"] = [{**chosen[0], "annotations": {}}]
        _write_json(target / "oci-layout", {"imageLayoutVersion": "1.0.0"})
        _write_json(target / "index.json", index)
        (target / "blobs").symlink_to(self.folder / "blobs")

    @property
    def _blobs(self) -> Path:
        return self.folder / "blobs" / "sha256"

    def _take_member(
        self,
        tar: tarfile.TarFile,
        member: tarfile.TarInfo,
        blobs: dict[str, dict[str, Any]],
        documents: dict[str, bytes],
    ) -> None:
        if member.issym() or member.islnk():  # a layer that occurs twice
            target = os.path.normpath(Path(member.name).parent / member.linkname)
            blobs[member.name] = blobs[target if member.issym() else member.linkname]
            return
        stream = tar.extractfile(member) if member.isreg() else None
        if stream is None:
            return
        if member.name in ("manifest.json", "index.json", "repositories", "oci-layout"):
            documents[member.name] = stream.read()
        elif not member.name.endswith(("/json", "/VERSION")):
            blobs[member.name] = self._write_blob(stream)

    def _write_blob(self, stream: IO[bytes]) -> dict[str, Any]:
        """Store what *stream* has under its hash; return its descriptor."""
        hasher, size, head = hashlib.sha256(), 0, b""
        with partial_file(self._blobs) as partial:
            with partial.open("wb") as target:
                while chunk := stream.read(_CHUNK):
                    head = head or chunk[:4]
                    hasher.update(chunk)
                    size += target.write(chunk)
            name = self._blobs / hasher.hexdigest()
            if not _has_size(name, size):
                partial.replace(name)
        kind = next((kind for magic, kind in _LAYER_KINDS if head.startswith(magic)), "tar")
        digest = f"sha256:{hasher.hexdigest()}"
        return {"mediaType": f"{_MEDIA}.layer.v1.{kind}", "digest": digest, "size": size}

    def _write_document(self, document: Mapping[str, Any]) -> dict[str, Any]:
        text = json.dumps(document, sort_keys=True).encode()
        return {**self._write_blob(io.BytesIO(text)), "mediaType": document["mediaType"]}

    def _enter(self, instance: str, digest: str, manifest: Mapping[str, Any]) -> LayoutImage:
        """Write the image into the index, in place of an older one of *instance*."""
        name = name_image(instance, digest)
        notes = {NAME_KEY: name, INSTANCE_KEY: instance, DIGEST_KEY: digest}
        with file_lock(self.folder, "index"):
            index = self._read_index()
            others = [
                it
                for it in index["manifests"]
                if it.get("annotations", {}).get(INSTANCE_KEY) != instance
            ]
            index["manifests"] = [*others, {**manifest, "annotations": notes}]
            _write_json(self.folder / "oci-layout", {"imageLayoutVersion": "1.0.0"})
            _write_json(self.folder / "index.json", index)
        return LayoutImage(instance=instance, digest=digest, name=name, manifest=manifest["digest"])

    def _read_index(self) -> dict[str, Any]:
        path = self.folder / "index.json"
        try:
            index: dict[str, Any] = json.loads(path.read_bytes())
            return index | {"manifests": [it for it in index["manifests"] if it["digest"]]}
        except FileNotFoundError:
            return {"schemaVersion": 2, "manifests": []}
        except (ValueError, KeyError, TypeError) as error:
            raise SandboxError(
                f"{path} is no index of OCI images: {error}", hint="Remove it, or name another DIR."
            ) from error

    def _is_complete(self, manifest: str) -> bool:
        """Whether the manifest and all that it names are there, with the right sizes."""
        try:
            found = json.loads(self._blob(manifest).read_bytes())
            parts = [found["config"], *found["layers"]]
            return all(_has_size(self._blob(it["digest"]), it["size"]) for it in parts)
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def _blob(self, digest: str) -> Path:
        return self._blobs / digest.removeprefix("sha256:")


def name_image(instance: str, digest: str) -> str:
    """Return a name for an image that every tool takes: words, and the digest's beginning.

    Two underscores in a row, as ids have them, are not allowed in names.
    """
    words = re.sub("[^A-Za-z0-9]+", "-", instance).strip("-")
    return f"{words}-{digest.removeprefix('sha256:')[:12]}"


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    with atomic_write(path) as partial:
        partial.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")


class _Stream(io.RawIOBase):
    """The chunks of an archive as a file."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks: Iterator[bytes] = iter(chunks)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._rest = self._rest or next(self._chunks, b"")
        taken, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)
