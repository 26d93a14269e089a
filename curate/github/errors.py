"""What an answer of GitHub that is no plain success means: wait, try again, or tell the user."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from curate.core.errors import AuthenticationError, CurateError, NetworkError, NotFoundError
from curate.github.retry import Headers, RateLimitExceeded, TransientError, rate_limit_seconds

_LIMIT_TYPES = {"RATE_LIMITED", "RATE_LIMIT"}
_FORBIDDEN_TYPES = {"FORBIDDEN", "INSUFFICIENT_SCOPES", "SAML_PROTECTED", "UNAUTHENTICATED"}
_QUERY_TYPES = {"undefinedField", "argumentNotAccepted", "parseError", "missingRequiredArguments"}


class BadCredentials(AuthenticationError):
    """A token that is wrong, expired or revoked; another one may be good."""


def classify_http_error(status: int, headers: Headers, message: str) -> CurateError:
    """The error that an HTTP answer of 400 or more stands for."""
    if status >= 500 or status == 408:
        return TransientError(f"GitHub answered {status}.", hint="Try again later.")
    seconds = rate_limit_seconds(headers, time.time())
    limited = status == 429 or "rate limit" in message.lower() or "abuse" in message.lower()
    if status in (403, 429) and (limited or seconds is not None):
        return RateLimitExceeded(f"GitHub's rate limit is spent ({status}).", seconds=seconds)
    if status == 401:
        return BadCredentials(
            "GitHub refuses the token.", hint="Set GITHUB_TOKEN to a valid token."
        )
    if status == 403 and not message:
        return TransientError(
            "GitHub answered 403 without a reason.", hint="Is a proxy in between?"
        )
    if status == 403:
        return AuthenticationError(
            f"GitHub does not allow this: {message[:200]}",
            hint="Use a token that may read the repository.",
        )
    if status == 404:
        return NotFoundError("GitHub knows nothing at this address.", hint="Check the API address.")
    return NetworkError(f"GitHub refused the request ({status}): {message[:200]}")


def classify_query_errors(
    errors: Sequence[Mapping[str, Any]], headers: Headers
) -> CurateError | None:
    """The error that GraphQL errors stand for; None where all say that something is not there."""
    kinds = [_error_type(error) for error in errors]
    message = str(errors[0].get("message", "")) if errors else ""
    if any(kind in _LIMIT_TYPES for kind in kinds) or "rate limit" in message.lower():
        seconds = rate_limit_seconds(headers, time.time())
        return RateLimitExceeded("GitHub's rate limit is spent.", seconds=seconds)
    if all(kind == "NOT_FOUND" for kind in kinds):
        return None
    if any(kind in _FORBIDDEN_TYPES for kind in kinds):
        return AuthenticationError(
            f"GitHub does not allow this: {message[:200]}",
            hint="Use a token that may read the repository.",
        )
    if any(kind in _QUERY_TYPES for kind in kinds):
        return NetworkError(f"GitHub does not understand the query: {message[:200]}")
    return TransientError(
        f"GitHub could not finish the query: {message[:200]}", hint="Try again later."
    )


def _error_type(error: Mapping[str, Any]) -> str:
    extensions = error.get("extensions")
    code = extensions.get("code") if isinstance(extensions, Mapping) else None
    return str(error.get("type") or code or "")
