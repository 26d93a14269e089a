"""Which request of a client goes where, and who may make it."""

import re
from collections.abc import Callable
from urllib.parse import unquote

import yaml

from tests.doubles.hub import api, files
from tests.doubles.hub.http import Answer, Request, as_json
from tests.doubles.hub.state import HubError, Repository, State

_API = re.compile(r"/api/(dataset|model)s/([^/]+/[^/]+)(?:/(.*))?")
_LFS = re.compile(r"/(datasets/)?([^/]+/[^/]+)\.git/info/lfs/(objects/batch|verify)")
_RESOLVE = re.compile(r"/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
_OBJECT = re.compile(r"/_(store|upload)/([0-9a-f]{64})")


def answer(state: State, request: Request, page_size: int) -> Answer:
    """The answer to *request*; `HubError` for what the Hub would refuse."""
    if found := _OBJECT.fullmatch(request.path):
        if found[1] == "store":
            return files.stored(state, request, found[2])
        return files.upload(state, request, found[2])
    signed_in = _signed_in(state, request)
    if found := _API.fullmatch(request.path):
        repository = _repository(state, found[1], found[2], signed_in, request)
        return _of_repository(state, request, repository, found[3] or "", page_size)
    if found := _LFS.fullmatch(request.path):
        kind = "dataset" if found[1] else "model"
        repository = _repository(state, kind, found[2], signed_in, request)
        if found[3] == "verify":
            return files.verify(state, request)
        return files.batch(state, request, repository)
    if found := _RESOLVE.fullmatch(request.path):
        kind = "dataset" if found[1] else "model"
        repository = _repository(state, kind, found[2], signed_in, request)
        return files.resolve(state, request, repository, unquote(found[3]), unquote(found[4]))
    return _general(state, request, signed_in)


def _signed_in(state: State, request: Request) -> bool:
    header = request.headers.get("authorization", "")
    if header and header != f"Bearer {state.token}":
        raise HubError(401, "", "Invalid credentials in Authorization header")
    return bool(header)


def _repository(
    state: State, kind: str, repo_id: str, signed_in: bool, request: Request
) -> Repository:
    repository = state.repositories.get((kind, unquote(repo_id)))
    if not signed_in and (repository is None or repository.private):
        raise HubError(401, "RepoNotFound", "Repository not found")
    if repository is None:
        raise HubError(404, "RepoNotFound", "Repository not found")
    reading = request.method in {"GET", "HEAD"} or "/paths-info/" in request.path
    if not signed_in and not reading:
        raise HubError(401, "", "Invalid username or password.")
    return repository


def _of_repository(
    state: State, request: Request, repository: Repository, rest: str, page_size: int
) -> Answer:
    verb, _, tail = rest.partition("/")
    name, _, path = tail.partition("/")
    name, path = unquote(name), unquote(path)
    handlers: dict[tuple[str, str], Callable[[], Answer]] = {
        ("GET", ""): lambda: api.information(state, request, repository, "main"),
        ("GET", "revision"): lambda: api.information(state, request, repository, name),
        ("GET", "tree"): lambda: api.tree(request, repository, name, path, page_size),
        ("POST", "paths-info"): lambda: api.paths_info(request, repository, name),
        ("GET", "refs"): lambda: api.refs(repository),
        ("GET", "commits"): lambda: api.commits(state, repository, name),
        ("GET", "auth-check"): lambda: as_json({}),
        ("POST", "preupload"): lambda: api.preupload(request, repository, name),
        ("POST", "commit"): lambda: api.commit(state, request, repository, name),
        ("POST", "branch"): lambda: _branch(request, repository, name),
        ("DELETE", "branch"): lambda: api.remove_ref(repository.branches, name),
        ("POST", "tag"): lambda: _tag(request, repository, name),
        ("DELETE", "tag"): lambda: api.remove_ref(repository.tags, name),
        ("PUT", "settings"): lambda: _settings(request, repository),
    }
    handler = handlers.get((request.method, verb))
    if handler is None:
        raise HubError(404, "", f"The double does not know {request.method} {request.path}")
    return handler()


def _branch(request: Request, repository: Repository, name: str) -> Answer:
    start = str(request.json().get("startingPoint", "main"))
    return api.make_ref(repository.branches, name, repository.find(start))


def _tag(request: Request, repository: Repository, revision: str) -> Answer:
    return api.make_ref(repository.tags, str(request.json()["tag"]), repository.find(revision))


def _settings(request: Request, repository: Repository) -> Answer:
    repository.private = _private(request.json())
    return as_json({})


def _private(payload: dict[str, object]) -> bool:
    """Newer clients say `visibility`, older ones `private`."""
    return payload.get("visibility") == "private" or payload.get("private") is True


def _general(state: State, request: Request, signed_in: bool) -> Answer:
    if (request.method, request.path) == ("POST", "/api/validate-yaml"):
        return _validate_yaml(request)
    if not request.path.startswith(("/api/whoami", "/api/repos/")):
        raise HubError(404, "", f"The double does not know {request.method} {request.path}")
    if not signed_in:
        raise HubError(401, "", "Invalid username or password.")
    if request.path == "/api/repos/create":
        return _create(state, request)
    if request.path == "/api/repos/delete":
        return _delete(state, request)
    auth = {"type": "access_token", "accessToken": {"displayName": "test", "role": "write"}}
    return as_json({"type": "user", "name": state.user, "orgs": [], "auth": auth})


def _create(state: State, request: Request) -> Answer:
    payload = request.json()
    kind, repo_id = _named(state, payload)
    url = f"{request.base}/{'datasets/' if kind == 'dataset' else ''}{repo_id}"
    if (kind, repo_id) in state.repositories:
        message = {"error": "You already created this repo", "url": url}
        return as_json(message, status=409)
    state.create(kind, repo_id, private=_private(payload))
    return as_json({"url": url, "name": repo_id})


def _delete(state: State, request: Request) -> Answer:
    if state.repositories.pop(_named(state, request.json()), None) is None:
        raise HubError(404, "RepoNotFound", "Repository not found")
    return as_json({})


def _named(state: State, payload: dict[str, object]) -> tuple[str, str]:
    owner = payload.get("organization") or state.user
    return str(payload.get("type") or "model"), f"{owner}/{payload['name']}"


def _validate_yaml(request: Request) -> Answer:
    content = str(request.json()["content"])
    block = content.split("---")[1] if content.startswith("---") else ""
    try:
        metadata = yaml.safe_load(block)
    except yaml.YAMLError as error:
        return as_json({"errors": [{"message": str(error)}], "warnings": []}, status=400)
    warnings = [] if metadata else [{"message": "empty or missing yaml metadata in repo card"}]
    return as_json({"errors": [], "warnings": warnings})
