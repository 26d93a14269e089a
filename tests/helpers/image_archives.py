"""Archives of images as engines save them, in the forms of several versions."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence


def make_layer(text: str) -> bytes:
    """A layer with one file."""
    return _pack({"file": text.encode()})


def make_config(name: str) -> bytes:
    """A configuration that no other image has."""
    return json.dumps({"architecture": "amd64", "config": {"Labels": {"name": name}}}).encode()


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def save_as_docker_20(config: bytes, layers: Sequence[bytes]) -> bytes:
    """An archive of Docker 20.10: a folder for each layer, and a link where one occurs again."""
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    files: dict[str, bytes | str] = {}
    paths: list[str] = []
    for number, layer in enumerate(layers):
        files[f"v{number}/VERSION"] = b"1.0"
        files[f"v{number}/json"] = b"{}"
        earlier = layers.index(layer)
        files[f"v{number}/layer.tar"] = layer if earlier == number else f"../v{earlier}/layer.tar"
        paths.append(f"v{number}/layer.tar")
    files[name] = config
    files["manifest.json"] = _list_image(name, paths)
    return _pack(files)


def save_as_docker_25(config: bytes, layers: Sequence[bytes]) -> bytes:
    """An archive of Docker 25, which is an OCI layout, too."""
    blobs = {_blob(content): content for content in (*layers, config)}
    listed = _list_image(_blob(config), [_blob(layer) for layer in layers])
    return _pack({**blobs, "index.json": b"{}", "manifest.json": listed, "oci-layout": b"{}"})


def _blob(content: bytes) -> str:
    return f"blobs/sha256/{hashlib.sha256(content).hexdigest()}"


def _list_image(config: str, layers: list[str]) -> bytes:
    return json.dumps([{"Config": config, "RepoTags": None, "Layers": layers}]).encode()


def _pack(files: Mapping[str, bytes | str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                tar.addfile(member)
            else:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
