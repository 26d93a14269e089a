"""Files of the Hub double: `resolve`, its content store, and the LFS protocol."""

import hashlib
import hmac

from tests.doubles.hub.http import Answer, Request, as_json
from tests.doubles.hub.state import Commit, Entry, HubError, Repository, State


def resolve(
    state: State, request: Request, repository: Repository, revision: str, path: str
) -> Answer:
    """HEAD and GET of a file: regular ones at once, LFS ones by a signed redirect."""
    commit = repository.find(revision)
    entry = commit.files.get(path)
    if entry is None:
        return _absent(commit, path)
    headers = {"X-Repo-Commit": commit.oid, "Accept-Ranges": "bytes"}
    if not entry.lfs:
        headers["ETag"] = f'"{entry.oid}"'
        return ranged(state.blobs[entry.sha256], request, headers)
    headers |= {
        "X-Linked-Size": str(entry.size),
        "X-Linked-Etag": f'"{entry.sha256}"',
        "ETag": f'"{entry.oid}"',
        "Location": f"{request.store}/_store/{entry.sha256}?sig={_signature(state, entry.sha256)}",
    }
    return Answer(status=302, headers=headers)


def stored(state: State, request: Request, sha256: str) -> Answer:
    """Content behind a signed address, without any token."""
    signature = request.query.get("sig", [""])[0]
    if not hmac.compare_digest(signature, _signature(state, sha256)):
        raise HubError(403, "", "The signature is wrong")
    headers = {"ETag": f'"{sha256}"', "Accept-Ranges": "bytes"}
    return ranged(state.blobs[sha256], request, headers)


def ranged(content: bytes, request: Request, headers: dict[str, str]) -> Answer:
    """All of *content* or the one range that was asked for."""
    wanted = request.headers.get("range", "")
    if not wanted.startswith("bytes="):
        return Answer(body=content, headers=headers)
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    start = int(first) if first else max(0, len(content) - int(last))
    stop = min(int(last) + 1, len(content)) if first and last else len(content)
    if start >= len(content):
        return Answer(status=416, headers={"Content-Range": f"bytes */{len(content)}"})
    span = f"bytes {start}-{stop - 1}/{len(content)}"
    return Answer(status=206, body=content[start:stop], headers={**headers, "Content-Range": span})


def batch(state: State, request: Request, repository: Repository) -> Answer:
    """Where to put each object; nothing to do for those that are here."""
    prefix = "datasets/" if repository.kind == "dataset" else ""
    verify = f"{request.base}/{prefix}{repository.repo_id}.git/info/lfs/verify"
    objects = []
    for wanted in request.json()["objects"]:
        oid, size = wanted["oid"], wanted["size"]
        item = {"oid": oid, "size": size}
        if oid not in state.blobs:
            href = f"{request.base}/_upload/{oid}?sig={_signature(state, oid)}"
            item["actions"] = {"upload": {"href": href}, "verify": {"href": verify}}
        objects.append(item)
    return as_json({"transfer": "basic", "objects": objects})


def upload(state: State, request: Request, oid: str) -> Answer:
    """Receive an object, which must be what its name says."""
    if request.query.get("sig", [""])[0] != _signature(state, oid):
        raise HubError(403, "", "The signature is wrong")
    if hashlib.sha256(request.body).hexdigest() != oid:
        raise HubError(400, "", "The content is not what its oid says")
    state.entry(request.body, lfs=True)
    return Answer(headers={"ETag": f'"{oid}"'})


def verify(state: State, request: Request) -> Answer:
    """Confirm that an object arrived whole."""
    wanted = request.json()
    if len(state.blobs.get(wanted["oid"], b"")) != wanted["size"]:
        raise HubError(404, "EntryNotFound", "No such object")
    return as_json({"success": True})


def described(path: str, entry: Entry) -> dict[str, object]:
    """A file as `tree` and `paths-info` tell it."""
    plain = {"type": "file", "path": path, "oid": entry.oid, "size": entry.size}
    if entry.lfs:
        plain["lfs"] = {"oid": entry.sha256, "size": entry.size, "pointerSize": 134}
    return plain


def _absent(commit: Commit, path: str) -> Answer:
    headers = {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit.oid}
    return Answer(status=404, body=f"Entry not found: {path}".encode(), headers=headers)


def _signature(state: State, oid: str) -> str:
    return hmac.new(state.token.encode(), oid.encode(), "sha256").hexdigest()[:24]
