"""Classification of GitHub's error responses: wait, retry, or report to the user."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from curate.core.errors import AuthenticationError, CurateError, NetworkError, NotFoundError
from curate.github.retry import (
    Headers,
    MalformedAnswerError,
    RateLimitExceededError,
    TransientError,
    rate_limit_seconds,
)

_MESSAGE_LENGTH = 200  # characters of a message that are shown
_LIMIT_TYPES = {"RATE_LIMITED", "RATE_LIMIT"}
_FORBIDDEN_TYPES = {
    "FORBIDDEN",  # private, an IP allow list, a kind of token that the organization forbids
    "INSUFFICIENT_SCOPES",
    "SAML_PROTECTED",
    "SSO_REQUIRED",
    "UNAUTHENTICATED",
    "UNAUTHORIZED",
    "ACCESS_DENIED",
}
_GONE_TYPES = {"NOT_FOUND", "GONE", "REPOSITORY_ACCESS_BLOCKED"}
_QUERY_TYPES = {"undefinedField", "argumentNotAccepted", "parseError", "missingRequiredArguments"}


class BadCredentialsError(AuthenticationError):
    """A token that is invalid, expired or revoked; another token may work."""


class UnavailableError(NetworkError):
    """Something that GitHub does not show for legal reasons, or no longer."""


class WrongAddressError(CurateError):
    """An address where no GitHub API is."""

    exit_code = NotFoundError.exit_code


def token_needed() -> AuthenticationError:
    """Return the error for a request without a token, where GitHub requires one."""
    return AuthenticationError(
        "No GitHub token found, and GitHub's API requires one.",
        hint="Set GITHUB_TOKEN, or log in with: gh auth login",
    )


def access_denied(message: str, to: str = "") -> AuthenticationError:
    """Return the error for what GitHub does not let the token read, with GitHub's *message*."""
    return AuthenticationError(
        f"GitHub denied access{f' to {to}' if to else ''}: {message[:_MESSAGE_LENGTH]}",
        hint="Use a token with read access to the repository.",
    )


def classify_http_error(status: int, headers: Headers, message: str) -> CurateError:
    """Return the error for an HTTP status of 400 or more."""
    if status >= 500 or status == 408:
        return TransientError(f"GitHub answered {status}.", hint="Try again later.")
    seconds = rate_limit_seconds(headers, time.time())
    limited = status == 429 or "rate limit" in message.lower() or "abuse" in message.lower()
    if status in (403, 429) and (limited or seconds is not None):
        return RateLimitExceededError(
            f"GitHub's rate limit is exceeded ({status}).", seconds=seconds
        )
    if status == 401:
        return BadCredentialsError(
            "GitHub rejected the token.",
            hint="Set GITHUB_TOKEN to a valid token, or log in again with: gh auth login",
        )
    if status == 403 and not message:
        return TransientError(
            "GitHub answered 403 without a message.",
            hint="Check whether a proxy blocks the request.",
        )
    if status == 403:
        return access_denied(message)
    if status == 404:
        return NotFoundError(
            "GitHub answered 404 Not Found.", hint="Check the setting github_api_url."
        )
    if status in (410, 451):
        return UnavailableError(
            f"GitHub does not show this ({status}): {message[:_MESSAGE_LENGTH]}",
            hint="Leave this repository out.",
        )
    return NetworkError(f"GitHub rejected the request ({status}): {message[:_MESSAGE_LENGTH]}")


def classify_query_errors(errors: object, headers: Headers) -> CurateError | None:
    """Return the error for GraphQL errors; None if all are about parts that cannot be read.

    Such a part does not exist, or the token may not read it: it has a path, and its data is null.
    """
    if not isinstance(errors, list) or not all(isinstance(it, Mapping) for it in errors):
        return MalformedAnswerError("GitHub's errors are not a list.")
    kinds = [_error_type(error) for error in errors]
    message = _error_message(errors[0]) if errors else ""
    if any(kind in _LIMIT_TYPES for kind in kinds) or "rate limit" in message.lower():
        seconds = rate_limit_seconds(headers, time.time())
        return RateLimitExceededError("GitHub's rate limit is exceeded.", seconds=seconds)
    others = [error for error in errors if not _is_about_a_part(error)]
    if not others:
        return None
    message = _error_message(others[0])
    kinds = [_error_type(error) for error in others]
    if any(kind in _FORBIDDEN_TYPES for kind in kinds):
        return access_denied(message)
    if any(kind in _QUERY_TYPES for kind in kinds):
        return NetworkError(f"GitHub rejected the query as invalid: {message}")
    return TransientError(
        f"GitHub could not complete the query: {message}", hint="Try again later."
    )


def find_denials(errors: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return GitHub's messages about parts that the token may not read, by first name of the path.

    *errors* are those for which `classify_query_errors` returned None.
    """
    denied = [error for error in errors if _error_type(error) in _FORBIDDEN_TYPES]
    return {str(error["path"][0]): _error_message(error) for error in reversed(denied)}


def _is_about_a_part(error: Mapping[str, Any]) -> bool:
    kind, path = _error_type(error), error.get("path")
    has_path = isinstance(path, list) and bool(path)
    return kind in _GONE_TYPES or (kind in _FORBIDDEN_TYPES and has_path)


def _error_message(error: Mapping[str, Any]) -> str:
    return str(error.get("message") or "")[:_MESSAGE_LENGTH]


def _error_type(error: Mapping[str, Any]) -> str:
    extensions = error.get("extensions")
    extensions = extensions if isinstance(extensions, Mapping) else {}
    if extensions.get("saml_failure"):
        return "SAML_PROTECTED"
    kind = str(error.get("type") or extensions.get("code") or "")
    return kind if kind in _QUERY_TYPES else kind.upper()
