"""The API of the Hub double for one repository: information, trees, refs and commits."""

import base64
import json
from pathlib import PurePosixPath
from typing import Any

from tests.doubles.hub.files import described
from tests.doubles.hub.http import Answer, Request, as_json
from tests.doubles.hub.state import Commit, Entry, HubError, Repository, State

_REGULAR_LIMIT = 10 << 20
_LFS_SUFFIXES = {".parquet", ".arrow", ".zip", ".gz", ".zst", ".bin"}


def information(state: State, request: Request, repository: Repository, revision: str) -> Answer:
    """A repository at a revision with its files."""
    commit = repository.find(revision)
    plain = {
        "_id": commit.oid[:24],
        "id": repository.repo_id,
        "author": repository.repo_id.split("/")[0],
        "sha": commit.oid,
        "private": repository.private,
        "gated": False,
        "disabled": False,
        "createdAt": repository.created,
        "lastModified": commit.date,
        "downloads": 0,
        "likes": 0,
        "tags": [],
        "siblings": [_sibling(request, path, e) for path, e in sorted(commit.files.items())],
    }
    return as_json(plain, X_Repo_Commit=commit.oid)


def _sibling(request: Request, path: str, entry: Entry) -> dict[str, object]:
    if not request.flag("blobs"):
        return {"rfilename": path}
    plain = {"rfilename": path, "size": entry.size, "blobId": entry.oid}
    if entry.lfs:
        plain["lfs"] = {"sha256": entry.sha256, "size": entry.size, "pointerSize": 134}
    return plain


def tree(
    request: Request, repository: Repository, revision: str, path: str, page_size: int
) -> Answer:
    """Files and folders below *path*, by pages."""
    found = _listing(repository.find(revision), path, recursive=request.flag("recursive"))
    if path and not found:
        raise HubError(404, "EntryNotFound", f"{path} does not exist on {revision}")
    start = int(request.query.get("cursor", ["0"])[0])
    headers: dict[str, Any] = {}
    if start + page_size < len(found):
        recursive = str(request.flag("recursive")).lower()
        query = f"recursive={recursive}&cursor={start + page_size}"
        headers["Link"] = f'<{request.base}{request.path}?{query}>; rel="next"'
    return as_json(found[start : start + page_size], **headers)


def _listing(commit: Commit, path: str, *, recursive: bool) -> list[dict[str, object]]:
    top = PurePosixPath(path)
    found = {}
    for name, entry in commit.files.items():
        inside = PurePosixPath(name)
        if path and top not in inside.parents:
            continue
        parts = inside.relative_to(top).parts if path else inside.parts
        if recursive or len(parts) == 1:
            found[name] = described(name, entry)
        for depth in range(1, len(parts)):
            if recursive or depth == 1:
                folder = str(top.joinpath(*parts[:depth]))
                found[folder] = {"type": "directory", "path": folder, "oid": commit.oid, "size": 0}
    return [found[name] for name in sorted(found)]


def paths_info(request: Request, repository: Repository, revision: str) -> Answer:
    """Those of the paths asked for that exist."""
    known = {item["path"]: item for item in _listing(repository.find(revision), "", recursive=True)}
    paths = request.form().get("paths", [])
    return as_json([known[path] for path in paths if path in known])


def refs(repository: Repository) -> Answer:
    """Branches and tags."""
    return as_json(
        {
            "branches": _refs(repository.branches, "refs/heads/"),
            "tags": _refs(repository.tags, "refs/tags/"),
            "converts": [],
            "pullRequests": [],
        }
    )


def _refs(named: dict[str, str], prefix: str) -> list[dict[str, str]]:
    return [
        {"name": name, "ref": prefix + name, "targetCommit": oid} for name, oid in named.items()
    ]


def commits(state: State, repository: Repository, revision: str) -> Answer:
    """History, newest first."""
    return as_json(
        [
            {
                "id": commit.oid,
                "title": commit.title,
                "message": commit.message,
                "date": commit.date,
                "authors": [{"user": state.user}],
            }
            for commit in repository.history(repository.find(revision))
        ]
    )


def make_ref(named: dict[str, str], name: str, commit: Commit) -> Answer:
    """A new branch or tag; one that exists is a conflict."""
    if name in named:
        raise HubError(409, "", f"Reference already exists: {name}")
    named[name] = commit.oid
    return as_json({})


def remove_ref(named: dict[str, str], name: str) -> Answer:
    """Remove a branch or tag."""
    if named.pop(name, None) is None:
        raise HubError(404, "RevisionNotFound", f"Invalid rev id: {name}")
    return as_json({})


def preupload(request: Request, repository: Repository, revision: str) -> Answer:
    """Say of each file whether it goes into the commit or through LFS."""
    known = repository.find(revision).files
    files = []
    for wanted in request.json()["files"]:
        path = wanted["path"]
        large = wanted["size"] > _REGULAR_LIMIT or PurePosixPath(path).suffix in _LFS_SUFFIXES
        oid = known[path].oid if path in known else None
        mode = "lfs" if large else "regular"
        files.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
    return as_json({"files": files})


def commit(state: State, request: Request, repository: Repository, branch: str) -> Answer:
    """One commit out of lines of JSON; a stale `parentCommit` is refused with 412."""
    lines = [json.loads(line) for line in request.body.splitlines() if line.strip()]
    header = lines[0]["value"]
    head = (
        repository.commits[repository.branches[branch]] if branch in repository.branches else None
    )
    if head is None:
        raise HubError(404, "RevisionNotFound", f"Invalid rev id: {branch}")
    if header.get("parentCommit") not in (None, head.oid):
        raise HubError(412, "", "A commit has happened since. Please refresh and try again.")
    files = dict(head.files)
    for line in lines[1:]:
        _change(state, files, line["key"], line["value"])
    made = repository.add(branch, files, header["summary"], header.get("description", ""))
    prefix = "datasets/" if repository.kind == "dataset" else ""
    url = f"{request.base}/{prefix}{repository.repo_id}/commit/{made.oid}"
    return as_json(
        {"success": True, "commitOid": made.oid, "commitUrl": url, "hookOutput": ""},
        X_Repo_Commit=made.oid,
    )


def _change(state: State, files: dict[str, Entry], key: str, value: dict[str, str]) -> None:
    path = value["path"]
    if key == "file":
        files[path] = state.entry(base64.b64decode(value["content"]), lfs=False)
    elif key == "lfsFile":
        if value["oid"] not in state.blobs:
            raise HubError(400, "", f"LFS object {value['oid']} was never uploaded")
        files[path] = state.entry(state.blobs[value["oid"]], lfs=True)
    elif key == "deletedFile":
        files.pop(path, None)
    elif key == "deletedFolder":
        for name in [name for name in files if name.startswith(path.rstrip("/") + "/")]:
            del files[name]
    else:
        raise HubError(400, "", f"Unknown operation {key}")
