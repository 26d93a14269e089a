"""The Hub's client: its time limits, its errors, and downloads of datasets."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from curate.core.errors import (
    AuthenticationError,
    ConfigurationError,
    NetworkError,
    NotFoundError,
)

DEFAULT_BRANCH = "main"
_WAITS = ("connect", "read", "write", "pool")  # of the HTTP library


class _SilenceLimit:
    """Hook of the HTTP library: no wait of a request is longer than *seconds*."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __call__(self, request: Any) -> None:
        times, longest = request.extensions.get("timeout", {}), self._seconds
        limited = {name: min(times.get(name) or longest, longest) for name in _WAITS}
        request.extensions["timeout"] = limited


def limit_silence(seconds: float) -> None:
    """Let no request to the Hub wait longer for the next bytes; its client waits without end."""
    from huggingface_hub import get_session, set_client_factory

    known: Any = get_session()
    own = [it for it in known.event_hooks["request"] if not isinstance(it, _SilenceLimit)]
    hooks = {**known.event_hooks, "request": [*own, _SilenceLimit(seconds)]}

    def make_client() -> Any:
        return type(known)(
            event_hooks=hooks, follow_redirects=known.follow_redirects, timeout=known.timeout
        )

    set_client_factory(make_client)


def download_dataset(
    repo_id: str, folder: Path, *, branch: str = DEFAULT_BRANCH, token: str | None = None
) -> bool:
    """Download Parquet files and card of *repo_id* into *folder*; False if there are none."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    with translate_hub_errors(repo_id):
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


def http_error_class() -> type[Exception]:
    """Return the base class of HTTP errors in the library that the Hub's client uses."""
    from huggingface_hub.errors import HfHubHTTPError

    return HfHubHTTPError.__mro__[1]


def http_status(error: BaseException) -> int | None:
    """Return the status of the response that *error* is about; None if there was none."""
    response = getattr(error, "response", None)
    return getattr(response, "status_code", None)


def is_transient(error: BaseException) -> bool:
    """Whether a retry may succeed, or the request may have succeeded without a response."""
    status = http_status(error)
    return isinstance(error, http_error_class()) and (
        status is None or status in {412, 429} or status >= 500
    )


@contextmanager
def translate_hub_errors(repo_id: str) -> Iterator[None]:
    """Turn errors of the Hub's client into errors for the user."""
    from huggingface_hub.errors import (
        HFValidationError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
    )

    try:
        yield
    except HFValidationError as error:
        raise ConfigurationError(f"The Hub takes no such name: {error}") from error
    except OfflineModeIsEnabled as error:
        raise NetworkError(
            f"The Hub's client is offline: {error}", hint="Unset HF_HUB_OFFLINE."
        ) from error
    except (LocalEntryNotFoundError, ConnectionError, TimeoutError) as error:
        first = str(error).partition("\n")[0]
        raise NetworkError(f"No response from the Hub: {first}", hint="Try again later.") from error
    except http_error_class() as error:
        status = http_status(error)
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
