"""Push a folder to a data set repository on the Hub as one commit, once.

The Hub's client does not repeat a commit whose answer was lost, for it cannot know whether the
commit was made. Here the head is looked at again: if it holds the folder, the push is done; if it
has not moved, the commit is made again; if someone else moved it, that is an error.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.errors import BadInput, CurateError, NetworkError, NotFound, Unauthorized

_KEPT = {".gitattributes"}  # the Hub's own


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """What the repository holds now."""

    repo_id: str
    commit: str
    changed: bool  # False when the repository held the folder already


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What one commit must do: paths relative to the folder, sorted."""

    add: tuple[str, ...]
    delete: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.add or self.delete)


@dataclass(frozen=True, kw_only=True)
class Digest:
    """Names that the Hub may know a file's content by."""

    git: str  # sha1 of git's blob
    sha256: str  # of the content; "" where the Hub did not tell


def plan(local: Mapping[str, Digest], remote: Mapping[str, Digest]) -> Changes:
    """Changes that make *remote* hold exactly *local*, but for the Hub's own files."""
    add = [path for path, digest in local.items() if not _same(digest, remote.get(path))]
    delete = [path for path in remote if path not in local and path not in _KEPT]
    return Changes(add=tuple(sorted(add)), delete=tuple(sorted(delete)))


def push(
    folder: Path,
    repo_id: str,
    *,
    message: str,
    private: bool = True,
    token: str | None = None,
    tries: int = 4,
    pause: float = 2.0,
) -> Pushed:
    """Make the data set *repo_id* hold exactly the files of *folder*, by one commit at most.

    The repository is created when it is missing; *pause* is in seconds and doubles. Raises
    BadInput, NotFound, Unauthorized, NetworkError, and CurateError when the repository was changed
    by someone else meanwhile.
    """
    from huggingface_hub import HfApi

    local = local_digests(folder)
    if not local:
        raise BadInput(f"{folder} holds no files to push.")
    api = HfApi(token=token)
    with _translated(repo_id):
        api.create_repo(repo_id, repo_type="dataset", private=private, exist_ok=True)
        head = _head(api, repo_id)
    if private and not head.private:
        raise BadInput(
            f"{repo_id} is public, and a private one was asked for.",
            hint="Make it private on the Hub, or push with the public option.",
        )
    return _commit(api, repo_id, folder, local, head, message, tries, pause)


def local_digests(folder: Path) -> dict[str, Digest]:
    """Digests of all files below *folder* by their paths in it."""
    return {
        path.relative_to(folder).as_posix(): _digest(path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _digest(content: bytes) -> Digest:
    git = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
    return Digest(git=git.hexdigest(), sha256=hashlib.sha256(content).hexdigest())


def _same(local: Digest, remote: Digest | None) -> bool:
    if remote is None:
        return False
    return local.sha256 == remote.sha256 if remote.sha256 else local.git == remote.git


def _head(api: Any, repo_id: str) -> Any:
    return api.dataset_info(repo_id, files_metadata=True)


def _remote_digests(head: Any) -> dict[str, Digest]:
    return {
        file.rfilename: Digest(git=file.blob_id or "", sha256=file.lfs.sha256 if file.lfs else "")
        for file in head.siblings or ()
    }


def _commit(
    api: Any,
    repo_id: str,
    folder: Path,
    local: Mapping[str, Digest],
    head: Any,
    message: str,
    tries: int,
    pause: float,
) -> Pushed:
    parent = head.sha
    for attempt in range(tries):
        changes = plan(local, _remote_digests(head))
        if not changes:
            return Pushed(repo_id=repo_id, commit=head.sha, changed=head.sha != parent)
        if head.sha != parent:
            raise CurateError(
                f"Someone else changed {repo_id} meanwhile.", hint="Run the same command again."
            )
        outcome = _try_commit(api, repo_id, folder, changes, parent, message)
        if isinstance(outcome, str):
            return Pushed(repo_id=repo_id, commit=outcome, changed=True)
        if attempt + 1 < tries and _status(outcome) != 412:
            time.sleep(pause * 2**attempt)
        with _translated(repo_id):
            head = _head(api, repo_id)
    if plan(local, _remote_digests(head)):
        raise NetworkError(
            f"The Hub took no commit to {repo_id} in {tries} tries.", hint="Try again later."
        )
    return Pushed(repo_id=repo_id, commit=head.sha, changed=True)


def _try_commit(
    api: Any, repo_id: str, folder: Path, changes: Changes, parent: str, message: str
) -> str | BaseException:
    """Make the commit and return its id, or a failure after which the head must be looked at."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    operations = [
        *(CommitOperationAdd(path, str(folder / path)) for path in changes.add),
        *(CommitOperationDelete(path) for path in changes.delete),
    ]
    with _translated(repo_id):
        try:
            made = api.create_commit(
                repo_id,
                operations,
                commit_message=message,
                repo_type="dataset",
                parent_commit=parent,
            )
        except (_http_error(), RuntimeError) as error:
            cause = error.__cause__ if isinstance(error, RuntimeError) else error
            if cause is None or not _is_passing(cause):
                raise (cause or error) from None
            return cause
    return str(made.oid)


def _http_error() -> type[Exception]:
    """The base of all errors of the Hub client's HTTP library, whichever that is."""
    from huggingface_hub.errors import HfHubHTTPError

    return HfHubHTTPError.__mro__[1]


def _status(error: BaseException) -> int | None:
    response = getattr(error, "response", None)
    return getattr(response, "status_code", None)


def _is_passing(error: BaseException) -> bool:
    """Whether the same request may be answered otherwise later, or was done but not answered."""
    status = _status(error)
    return isinstance(error, _http_error()) and (
        status is None or status in {412, 429} or status >= 500
    )


@contextmanager
def _translated(repo_id: str) -> Iterator[None]:
    """Turn the client's errors into those a user can act on."""
    try:
        yield
    except _http_error() as error:
        status = _status(error)
        if status in {401, 403}:
            raise Unauthorized(
                f"The Hub refuses to write to {repo_id}.",
                hint="Set HF_TOKEN to a token that may write there.",
            ) from error
        if status == 404:
            raise NotFound(f"The Hub does not know {repo_id}.") from error
        if status is not None and 400 <= status < 500:
            raise BadInput(f"The Hub does not take this: {error}") from error
        raise NetworkError(f"The Hub does not answer: {error}", hint="Try again later.") from error
