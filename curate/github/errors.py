"""What an answer of GitHub that is no plain success means: wait, try again, or tell the user."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from curate.core.errors import CurateError, NetworkError, NotFound, Unauthorized
from curate.github.retry import Headers, RateLimited, Transient, limit_seconds

_LIMIT_TYPES = {"RATE_LIMITED", "RATE_LIMIT"}
_REFUSED_TYPES = {"FORBIDDEN", "INSUFFICIENT_SCOPES", "SAML_PROTECTED", "UNAUTHENTICATED"}
_QUERY_TYPES = {"undefinedField", "argumentNotAccepted", "parseError", "missingRequiredArguments"}


class TokenRefused(Unauthorized):
    """A token that is wrong, expired or revoked; another one may be good."""


def http_refusal(status: int, headers: Headers, message: str) -> CurateError:
    """The error that an HTTP answer of 400 or more stands for."""
    if status >= 500 or status == 408:
        return Transient(f"GitHub answered {status}.", hint="Try again later.")
    seconds = limit_seconds(headers, time.time())
    limited = status == 429 or "rate limit" in message.lower() or "abuse" in message.lower()
    if status in (403, 429) and (limited or seconds is not None):
        return RateLimited(f"GitHub's rate limit is spent ({status}).", seconds=seconds)
    if status == 401:
        return TokenRefused("GitHub refuses the token.", hint="Set GITHUB_TOKEN to a valid token.")
    if status == 403 and not message:
        return Transient("GitHub answered 403 without a reason.", hint="Is a proxy in between?")
    if status == 403:
        return Unauthorized(
            f"GitHub does not allow this: {message[:200]}",
            hint="Use a token that may read the repository.",
        )
    if status == 404:
        return NotFound("GitHub knows nothing at this address.", hint="Check the API address.")
    return NetworkError(f"GitHub refused the request ({status}): {message[:200]}")


def query_refusal(errors: Sequence[Mapping[str, Any]], headers: Headers) -> CurateError | None:
    """The error that GraphQL errors stand for; None where all say that something is not there."""
    kinds = [_kind(error) for error in errors]
    message = str(errors[0].get("message", "")) if errors else ""
    if any(kind in _LIMIT_TYPES for kind in kinds) or "rate limit" in message.lower():
        seconds = limit_seconds(headers, time.time())
        return RateLimited("GitHub's rate limit is spent.", seconds=seconds)
    if all(kind == "NOT_FOUND" for kind in kinds):
        return None
    if any(kind in _REFUSED_TYPES for kind in kinds):
        return Unauthorized(
            f"GitHub does not allow this: {message[:200]}",
            hint="Use a token that may read the repository.",
        )
    if any(kind in _QUERY_TYPES for kind in kinds):
        return NetworkError(f"GitHub does not understand the query: {message[:200]}")
    return Transient(f"GitHub could not finish the query: {message[:200]}", hint="Try again later.")


def _kind(error: Mapping[str, Any]) -> str:
    extensions = error.get("extensions")
    code = extensions.get("code") if isinstance(extensions, Mapping) else None
    return str(error.get("type") or code or "")
