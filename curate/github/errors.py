"""Classification of GitHub's error responses: wait, retry, or report to the user."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from curate.core.errors import AuthenticationError, CurateError, NetworkError, NotFoundError
from curate.github.retry import Headers, RateLimitExceededError, TransientError, rate_limit_seconds

_LIMIT_TYPES = {"RATE_LIMITED", "RATE_LIMIT"}
_FORBIDDEN_TYPES = {"FORBIDDEN", "INSUFFICIENT_SCOPES", "SAML_PROTECTED", "UNAUTHENTICATED"}
_QUERY_TYPES = {"undefinedField", "argumentNotAccepted", "parseError", "missingRequiredArguments"}


class BadCredentialsError(AuthenticationError):
    """A token that is invalid, expired or revoked; another token may work."""


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
            "GitHub rejected the token.", hint="Set GITHUB_TOKEN to a valid token."
        )
    if status == 403 and not message:
        return TransientError(
            "GitHub answered 403 without a message.",
            hint="Check whether a proxy blocks the request.",
        )
    if status == 403:
        return AuthenticationError(
            f"GitHub denied access: {message[:200]}",
            hint="Use a token with read access to the repository.",
        )
    if status == 404:
        return NotFoundError(
            "GitHub answered 404 Not Found.", hint="Check the setting github_api_url."
        )
    return NetworkError(f"GitHub rejected the request ({status}): {message[:200]}")


def classify_query_errors(
    errors: Sequence[Mapping[str, Any]], headers: Headers
) -> CurateError | None:
    """Return the error for GraphQL errors; None if all of them are NOT_FOUND."""
    kinds = [_error_type(error) for error in errors]
    message = str(errors[0].get("message", "")) if errors else ""
    if any(kind in _LIMIT_TYPES for kind in kinds) or "rate limit" in message.lower():
        seconds = rate_limit_seconds(headers, time.time())
        return RateLimitExceededError("GitHub's rate limit is exceeded.", seconds=seconds)
    if all(kind == "NOT_FOUND" for kind in kinds):
        return None
    if any(kind in _FORBIDDEN_TYPES for kind in kinds):
        return AuthenticationError(
            f"GitHub denied access: {message[:200]}",
            hint="Use a token with read access to the repository.",
        )
    if any(kind in _QUERY_TYPES for kind in kinds):
        return NetworkError(f"GitHub rejected the query as invalid: {message[:200]}")
    return TransientError(
        f"GitHub could not complete the query: {message[:200]}", hint="Try again later."
    )


def _error_type(error: Mapping[str, Any]) -> str:
    extensions = error.get("extensions")
    code = extensions.get("code") if isinstance(extensions, Mapping) else None
    return str(error.get("type") or code or "")
