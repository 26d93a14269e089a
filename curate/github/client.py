"""The client of GitHub's API: PyGithub with retries, cost counters, several tokens."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from curate.core.errors import NetworkError, NotFoundError
from curate.github.answers import checking_answer
from curate.github.errors import (
    BadCredentialsError,
    WrongAddressError,
    access_denied,
    classify_http_error,
    classify_query_errors,
    find_denials,
    token_needed,
)
from curate.github.json_text import NOT_JSON
from curate.github.retry import (
    FirstContactError,
    MalformedAnswerError,
    RateLimitExceededError,
    RetryPolicy,
    TransientError,
    UnreachableError,
)
from curate.github.tokens import Token, TokenPool
from curate.github.transport import HttpAnswer, HttpRequest, Transport

DEFAULT_API_URL = "https://api.github.com"
_CREDENTIAL_STATUSES = frozenset((401, 403, 404, 429))
_HTML_STATUSES = frozenset((401, 404, 408, 429, 500, 502, 503, 504))  # GitHub's pages, a proxy's
T = TypeVar("T")
JsonObject = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class QueryResult:
    """Data of a query, with null for what does not exist or the token may not read.

    `denials` has GitHub's messages about the latter, by the first name of the path.
    """

    data: JsonObject
    denials: Mapping[str, str]


class GitHubClient:
    """Sends queries with retries, counts requests and points; safe to share between threads.

    Of several tokens, the one with the most remaining points is used. A rate-limited token pauses
    while the others continue; a rejected one is dropped, with a warning that does not contain it.
    """

    def __init__(
        self,
        token: str | Sequence[str] | None,
        api_url: str = DEFAULT_API_URL,
        *,
        policy: RetryPolicy | None = None,
        on_warning: Callable[[str], None] = lambda text: None,
        timeout: float = 30,
    ) -> None:
        """*timeout* is in seconds, for every read.

        Raises `ConfigurationError` if *api_url* is not an HTTP address.
        """
        self.policy = policy or RetryPolicy()
        self.requests = 0
        self.points = 0
        self.warn = on_warning
        self._pool = TokenPool([token] if isinstance(token, str) else list(token or ()))
        self._transport = Transport(api_url, timeout)
        self._was_reached = False  # whether GitHub has answered with JSON
        self._lock = threading.Lock()

    @property
    def remaining(self) -> int | None:
        """Remaining points of all tokens, as of their last responses; None before the first."""
        return self._pool.total_remaining

    def query_adaptive(
        self,
        make_request: Callable[[], tuple[str, Mapping[str, Any]]],
        on_failure: Callable[[], None],
        parse: Callable[[QueryResult], T],
    ) -> T:
        """Return what *parse* makes of the response to a query, with retries.

        *make_request* returns document and variables before every attempt; *on_failure* is called
        after a failure that a smaller request might have avoided. A response that *parse* cannot
        read counts as one. Raises `AuthenticationError` at once, `NetworkError` after all retries.
        """

        def send_once() -> T:
            document, variables = make_request()
            result = self._send_with_any_token(
                lambda token: self._send_query(token, document, dict(variables))
            )
            try:
                with checking_answer():
                    return parse(result)
            except MalformedAnswerError:
                if result.denials:  # what is missing is not malformed but forbidden
                    raise access_denied(next(iter(result.denials.values()))) from None
                raise

        return self.policy.run_with_retries(send_once, on_failure)

    def get(self, path: str, parameters: Mapping[str, Any]) -> HttpAnswer:
        """Return the answer of a REST endpoint; *path* has no slash at its start.

        Raises what `query_adaptive` raises, and `NotFoundError`.
        """

        def send_once(token: Token) -> HttpAnswer:
            return self._send(
                HttpRequest(method="GET", path=path, token=token.value, parameters=parameters)
            )

        return self.policy.run_with_retries(lambda: self._send_with_any_token(send_once))

    def write(self, method: str, path: str, document: Mapping[str, Any]) -> HttpAnswer:
        """Send *document* to a REST endpoint that changes something, once.

        It is not repeated after a lost answer, as it may have been done. Raises what `get` raises.
        """

        def send_once(token: Token) -> HttpAnswer:
            return self._send(
                HttpRequest(method=method, path=path, token=token.value, document=document)
            )

        return self._send_with_any_token(send_once)

    def _send_with_any_token(self, send: Callable[[Token], T]) -> T:
        """Return the result of *send* with the first token that is neither bad nor rate-limited."""
        for _ in range(2 * self._pool.size):
            with self._lock:
                token = self._pool.choose_token()
            try:
                return send(token)
            except BadCredentialsError:
                with self._lock:
                    others_left = self._pool.remove(token)
                if not others_left:
                    raise
                self.warn(
                    f"GitHub rejected token {token.number} of {self._pool.size};"
                    " continuing without it."
                )
            except RateLimitExceededError as limit:
                with self._lock:
                    seconds = self._pool.mark_rate_limited(token, limit.seconds)
                if seconds != 0.0:
                    raise RateLimitExceededError(str(limit), seconds=seconds) from None
        raise RateLimitExceededError("GitHub's rate limit is exceeded.", seconds=None)

    def _send_query(self, token: Token, document: str, variables: JsonObject) -> QueryResult:
        if token.value is None and self._transport.api_url == DEFAULT_API_URL:
            raise token_needed()
        body = {"query": document, "variables": variables}
        path = self._transport.graphql_url
        try:
            answer = self._send(
                HttpRequest(method="POST", path=path, token=token.value, document=body)
            )
        except NotFoundError:
            raise WrongAddressError(
                f"There is no GitHub API at {self._transport.host} (404 Not Found).",
                hint="Check the setting github_api_url.",
            ) from None
        except (BadCredentialsError, RateLimitExceededError):
            if token.value is None:  # GitHub answers one or the other
                raise token_needed() from None
            raise
        return self._read_result(token, answer)

    def _read_result(self, token: Token, answer: HttpAnswer) -> QueryResult:
        body = answer.body if isinstance(answer.body, dict) else {}
        errors = body.get("errors") or []
        error = classify_query_errors(errors, answer.headers)
        if error:
            raise error
        data, denials = body.get("data"), find_denials(errors)
        if not isinstance(data, dict) and denials:
            raise access_denied(next(iter(denials.values())))
        if not isinstance(data, dict) and not errors:
            if body.get("message"):  # the secondary rate limit may come with status 200
                raise classify_http_error(403, answer.headers, str(body["message"]))
            raise MalformedAnswerError("GitHub's response contains no data.")
        data = data if isinstance(data, dict) else {}
        self._record_cost(token, data.get("rateLimit"))
        return QueryResult(data=data, denials=denials)

    def _send(self, request: HttpRequest) -> HttpAnswer:
        """Return an answer with JSON and a status that is no error, or with GraphQL errors."""
        with self._lock:
            self.requests += 1
        try:
            answer = self._transport.send(request)
        except UnreachableError as error:
            if self._was_reached:
                raise
            raise FirstContactError(str(error), hint=error.hint) from None
        body, status = answer.body, answer.status
        if body is NOT_JSON and self._is_foreign(status):
            raise self._not_github(answer)
        self._was_reached |= body is not NOT_JSON
        has_errors = isinstance(body, dict) and isinstance(body.get("errors"), list)
        if status >= 400 and not (has_errors and status not in _CREDENTIAL_STATUSES):
            message = str(body.get("message", "")) if isinstance(body, dict) else ""
            raise classify_http_error(status, answer.headers, message)
        return answer

    def _is_foreign(self, status: int) -> bool:
        """Whether an answer without JSON may be another server's; GitHub's own ones are known."""
        if status < 400:
            return status != 204
        return not self._was_reached and (status not in _HTML_STATUSES)

    def _not_github(self, answer: HttpAnswer) -> NetworkError:
        kind = TransientError if self._was_reached else FirstContactError
        return kind(
            f"{self._transport.host} answers {answer.status} without JSON, unlike GitHub's API.",
            hint="Check the setting github_api_url, and whether a proxy answers instead.",
        )

    def _record_cost(self, token: Token, rate: object) -> None:
        if isinstance(rate, Mapping):
            cost, remaining = rate.get("cost"), rate.get("remaining")
            with self._lock:
                self.points += cost if isinstance(cost, int) else 0
                token.remaining = remaining if isinstance(remaining, int) else token.remaining
