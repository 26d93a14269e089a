"""Push a directory to a dataset repository on the Hugging Face Hub as a single commit.

The Hub's client does not retry a commit whose response was lost, as it cannot know whether the
commit was created. Here the head is read again: if it contains the directory, the push is done; if
it has not moved, the commit is retried; if someone else has moved it, that is an error.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.core.errors import ConfigurationError, CurateError, NetworkError
from curate.publish.folder_changes import FileDigest, FolderChanges, local_digests, plan_changes
from curate.releases.hub_client import (
    DEFAULT_BRANCH,
    http_error_class,
    http_status,
    is_transient,
    translate_hub_errors,
)


@dataclass(frozen=True, kw_only=True)
class PushResult:
    """State of the repository after a push."""

    repo_id: str
    commit: str
    changed: bool  # False if the repository was up to date


@dataclass(frozen=True, kw_only=True)
class PushOptions:
    """How a folder is pushed."""

    message: str = "Release"  # of the commit
    private: bool = True  # visibility of a new repository
    branch: str = DEFAULT_BRANCH
    max_attempts: int = 4
    pause: float = 2.0  # seconds to wait after the first failure; doubles with each further one


def push_folder(
    folder: Path, repo_id: str, options: PushOptions = PushOptions(), *, token: str | None = None
) -> PushResult:
    """Make the dataset *repo_id* contain exactly the files of *folder*, with at most one commit.

    Repository and branch are created if missing; large files that an interrupted push has uploaded
    are not sent again. Raises ConfigurationError, NotFoundError, AuthenticationError,
    NetworkError, and CurateError if someone else changed the repository meanwhile.
    """
    from huggingface_hub import HfApi

    local = local_digests(folder)
    if not local:
        raise ConfigurationError(f"{folder} contains no files to push.")
    api = HfApi(token=token)
    with translate_hub_errors(repo_id):
        api.create_repo(repo_id, repo_type="dataset", private=options.private, exist_ok=True)
        if options.branch != DEFAULT_BRANCH:
            api.create_branch(repo_id, branch=options.branch, repo_type="dataset", exist_ok=True)
        head = _head_commit(api, repo_id, options.branch)
    if options.private and not head.private:
        raise ConfigurationError(
            f"{repo_id} is public, but a private repository was requested.",
            hint="Make it private on the Hub, or add --no-private.",
        )
    target = _PushTarget(
        api=api,
        repo_id=repo_id,
        branch=options.branch,
        folder=folder,
        message=options.message,
    )
    return _commit_changes(target, local, head, options.max_attempts, options.pause)


def plan_push(
    folder: Path, repo_id: str, *, branch: str = DEFAULT_BRANCH, token: str | None = None
) -> FolderChanges:
    """Return the changes that `push_folder` would make, without making them."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    with translate_hub_errors(repo_id):
        try:
            head = _head_commit(HfApi(token=token), repo_id, branch)
        except (RepositoryNotFoundError, RevisionNotFoundError):
            return plan_changes(local_digests(folder), {})
    return plan_changes(local_digests(folder), _remote_digests(head))


def tag_commit(repo_id: str, name: str, commit: str, *, token: str | None = None) -> None:
    """Tag *commit* as *name*; ConfigurationError if the tag exists on another commit."""
    from huggingface_hub import HfApi

    api = HfApi(token=token)
    with translate_hub_errors(repo_id):
        try:
            api.create_tag(repo_id, tag=name, revision=commit, repo_type="dataset")
        except http_error_class() as error:
            if http_status(error) != 409 and not is_transient(error):
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
    target: _PushTarget, local: Mapping[str, FileDigest], head: Any, max_attempts: int, pause: float
) -> PushResult:
    repo_id, parent = target.repo_id, head.sha
    for attempt in range(max_attempts):
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
        if attempt + 1 < max_attempts and http_status(outcome) != 412:
            time.sleep(pause * 2**attempt)
        with translate_hub_errors(repo_id):
            head = _head_commit(target.api, repo_id, target.branch)
    if plan_changes(local, _remote_digests(head)):
        raise NetworkError(
            f"The Hub did not accept a commit to {repo_id} in {max_attempts} attempts.",
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
    with translate_hub_errors(target.repo_id):
        try:
            commit = target.api.create_commit(
                target.repo_id,
                operations,
                commit_message=target.message,
                repo_type="dataset",
                revision=target.branch,
                parent_commit=parent,
            )
        except (http_error_class(), RuntimeError) as error:
            cause = error.__cause__ if isinstance(error, RuntimeError) else error
            if cause is None or not is_transient(cause):
                raise (cause or error) from None
            return cause
    return str(commit.oid)
