"""Push a directory to a dataset repository on the Hugging Face Hub as a single commit.

The Hub's client does not retry a commit whose response was lost, as it cannot know whether the
commit was created. Here the head is read again: if it contains the directory, the push is done; if
it has not moved, the commit is retried; if someone else has moved it, that is an error.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.core.errors import (
    AuthenticationError,
    ConfigurationError,
    CurateError,
    NetworkError,
    NotFoundError,
)

DEFAULT_BRANCH = "main"
_HUB_OWNED_FILES = {".gitattributes"}  # created by the Hub


@dataclass(frozen=True, kw_only=True)
class PushResult:
    """State of the repository after a push."""

    repo_id: str
    commit: str
    changed: bool  # False if the repository was up to date


@dataclass(frozen=True, kw_only=True)
class FolderChanges:
    """Changes of one commit: sorted paths relative to the directory."""

    add: tuple[str, ...]
    delete: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.add or self.delete)


@dataclass(frozen=True, kw_only=True)
class FileDigest:
    """Hashes by which the Hub may identify a file's content."""

    git: str  # SHA-1 of the git blob
    sha256: str  # of the content; "" if the Hub does not report it


def plan_changes(
    local: Mapping[str, FileDigest], remote: Mapping[str, FileDigest]
) -> FolderChanges:
    """Return the changes that make *remote* equal *local*, except for the Hub's own files."""
    add = [path for path, digest in local.items() if not _is_same_content(digest, remote.get(path))]
    delete = [path for path in remote if path not in local and path not in _HUB_OWNED_FILES]
    return FolderChanges(add=tuple(sorted(add)), delete=tuple(sorted(delete)))


def push_folder(
    folder: Path,
    repo_id: str,
    *,
    message: str,
    private: bool = True,
    branch: str = DEFAULT_BRANCH,
    token: str | None = None,
    tries: int = 4,
    pause: float = 2.0,
) -> PushResult:
    """Make the dataset *repo_id* contain exactly the files of *folder*, with at most one commit.

    Repository and *branch* are created if missing; large files that an interrupted push has
    uploaded are not sent again. *pause* is the wait in seconds after the first failure; it doubles
    with each further one. Raises ConfigurationError, NotFoundError, AuthenticationError,
    NetworkError, and CurateError if someone else changed the repository meanwhile.
    """
    from huggingface_hub import HfApi

    local = local_digests(folder)
    if not local:
        raise ConfigurationError(f"{folder} contains no files to push.")
    api = HfApi(token=token)
    with _translate_errors(repo_id):
        api.create_repo(repo_id, repo_type="dataset", private=private, exist_ok=True)
        if branch != DEFAULT_BRANCH:
            api.create_branch(repo_id, branch=branch, repo_type="dataset", exist_ok=True)
        head = _head_commit(api, repo_id, branch)
    if private and not head.private:
        raise ConfigurationError(
            f"{repo_id} is public, but a private repository was requested.",
            hint="Make it private on the Hub, or add --no-private.",
        )
    target = _PushTarget(api=api, repo_id=repo_id, branch=branch, folder=folder, message=message)
    return _commit_changes(target, local, head, tries, pause)


def plan_push(
    folder: Path, repo_id: str, *, branch: str = DEFAULT_BRANCH, token: str | None = None
) -> FolderChanges:
    """Return the changes that `push_folder` would make, without making them."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    with _translate_errors(repo_id):
        try:
            head = _head_commit(HfApi(token=token), repo_id, branch)
        except (RepositoryNotFoundError, RevisionNotFoundError):
            return plan_changes(local_digests(folder), {})
    return plan_changes(local_digests(folder), _remote_digests(head))


def tag_commit(repo_id: str, name: str, commit: str, *, token: str | None = None) -> None:
    """Tag *commit* as *name*; ConfigurationError if the tag exists on another commit."""
    from huggingface_hub import HfApi

    api = HfApi(token=token)
    with _translate_errors(repo_id):
        try:
            api.create_tag(repo_id, tag=name, revision=commit, repo_type="dataset")
        except _http_error_class() as error:
            if _http_status(error) != 409 and not _is_transient(error):
                raise
        refs = api.list_repo_refs(repo_id, repo_type="dataset").tags
    found = next((ref.target_commit for ref in refs if ref.name == name), "")
    if not found:
        raise NetworkError(
            f"The Hub did not create the tag {name}.", hint="Run the same command again."
        )
    if found != commit:
        raise ConfigurationError(
            f"{repo_id} already has a tag {name}, on commit {found[:12]}.",
            hint="Choose a new tag: tags of releases are immutable.",
        )


def download_dataset(
    repo_id: str, folder: Path, *, branch: str = DEFAULT_BRANCH, token: str | None = None
) -> bool:
    """Download Parquet files and card of *repo_id* into *folder*; False if there are none."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    with _translate_errors(repo_id):
        try:
            snapshot_download(
                repo_id,
                repo_type="dataset",
                revision=branch,
                token=token,
                local_dir=folder,
                allow_patterns=["data/*.parquet", "README.md"],
            )
        except (RepositoryNotFoundError, RevisionNotFoundError):
            return False
    return any(folder.glob("data/*.parquet"))


def local_digests(folder: Path) -> dict[str, FileDigest]:
    """Return the digests of all files below *folder*, by relative path."""
    return {
        path.relative_to(folder).as_posix(): _digest_content(path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _digest_content(content: bytes) -> FileDigest:
    git = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
    return FileDigest(git=git.hexdigest(), sha256=hashlib.sha256(content).hexdigest())


def _is_same_content(local: FileDigest, remote: FileDigest | None) -> bool:
    if remote is None:
        return False
    return local.sha256 == remote.sha256 if remote.sha256 else local.git == remote.git


def _head_commit(api: Any, repo_id: str, branch: str) -> Any:
    return api.dataset_info(repo_id, revision=branch, files_metadata=True)


def _remote_digests(head: Any) -> dict[str, FileDigest]:
    return {
        file.rfilename: FileDigest(
            git=file.blob_id or "", sha256=file.lfs.sha256 if file.lfs else ""
        )
        for file in head.siblings or ()
    }


@dataclass(frozen=True, kw_only=True)
class _PushTarget:
    """Destination and source of a push."""

    api: Any
    repo_id: str
    branch: str
    folder: Path
    message: str


def _commit_changes(
    target: _PushTarget, local: Mapping[str, FileDigest], head: Any, tries: int, pause: float
) -> PushResult:
    repo_id, parent = target.repo_id, head.sha
    for attempt in range(tries):
        changes = plan_changes(local, _remote_digests(head))
        if not changes:
            return PushResult(repo_id=repo_id, commit=head.sha, changed=head.sha != parent)
        if head.sha != parent:
            raise CurateError(
                f"{repo_id} was changed by someone else during the push.",
                hint="Run the same command again.",
            )
        outcome = _try_commit(target, changes, parent)
        if isinstance(outcome, str):
            return PushResult(repo_id=repo_id, commit=outcome, changed=True)
        if attempt + 1 < tries and _http_status(outcome) != 412:
            time.sleep(pause * 2**attempt)
        with _translate_errors(repo_id):
            head = _head_commit(target.api, repo_id, target.branch)
    if plan_changes(local, _remote_digests(head)):
        raise NetworkError(
            f"The Hub did not accept a commit to {repo_id} in {tries} attempts.",
            hint="Try again later.",
        )
    return PushResult(repo_id=repo_id, commit=head.sha, changed=True)


def _try_commit(target: _PushTarget, changes: FolderChanges, parent: str) -> str | BaseException:
    """Create the commit and return its id, or an error after which the head must be read again."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    operations = [
        *(CommitOperationAdd(path, str(target.folder / path)) for path in changes.add),
        *(CommitOperationDelete(path) for path in changes.delete),
    ]
    with _translate_errors(target.repo_id):
        try:
            commit = target.api.create_commit(
                target.repo_id,
                operations,
                commit_message=target.message,
                repo_type="dataset",
                revision=target.branch,
                parent_commit=parent,
            )
        except (_http_error_class(), RuntimeError) as error:
            cause = error.__cause__ if isinstance(error, RuntimeError) else error
            if cause is None or not _is_transient(cause):
                raise (cause or error) from None
            return cause
    return str(commit.oid)


def _http_error_class() -> type[Exception]:
    """Return the base class of HTTP errors in the library that the Hub's client uses."""
    from huggingface_hub.errors import HfHubHTTPError

    return HfHubHTTPError.__mro__[1]


def _http_status(error: BaseException) -> int | None:
    response = getattr(error, "response", None)
    return getattr(response, "status_code", None)


def _is_transient(error: BaseException) -> bool:
    """Whether a retry may succeed, or the request may have succeeded without a response."""
    status = _http_status(error)
    return isinstance(error, _http_error_class()) and (
        status is None or status in {412, 429} or status >= 500
    )


@contextmanager
def _translate_errors(repo_id: str) -> Iterator[None]:
    """Turn errors of the Hub's client into errors for the user."""
    try:
        yield
    except _http_error_class() as error:
        status = _http_status(error)
        if status in {401, 403}:
            raise AuthenticationError(
                f"The Hub denied write access to {repo_id}.",
                hint="Set HF_TOKEN to a token with write access.",
            ) from error
        if status == 404:
            raise NotFoundError(f"{repo_id} not found on the Hub.") from error
        if status is not None and 400 <= status < 500:
            raise ConfigurationError(f"The Hub rejected the request: {error}") from error
        raise NetworkError(f"No response from the Hub: {error}", hint="Try again later.") from error
