"""The only module that contacts GitHub: PyGithub with retries, cost counters, several tokens."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

from curate.github.errors import BadCredentialsError, classify_http_error, classify_query_errors
from curate.github.retry import Headers, RateLimitExceededError, RetryPolicy, TransientError
from curate.github.tokens import Token, TokenPool

if TYPE_CHECKING:
    from github import Github

DEFAULT_API_URL = "https://api.github.com"
T = TypeVar("T")
JsonObject = dict[str, Any]
Response = tuple[Headers, Any]


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
        timeout: int = 60,
    ) -> None:
        """*timeout* is in seconds, for connecting and for every read."""
        self.policy = policy or RetryPolicy()
        self.requests = 0
        self.points = 0
        self._pool = TokenPool([token] if isinstance(token, str) else list(token or ()))
        self._api_url = api_url
        self._warn = on_warning
        self._timeout = timeout
        self._local = threading.local()
        self._lock = threading.Lock()

    @property
    def remaining(self) -> int | None:
        """Remaining points of all tokens, as of their last responses; None before the first."""
        return self._pool.total_remaining

    def query(self, document: str, variables: Mapping[str, Any]) -> JsonObject:
        """Return `data` of the response, with null for missing objects.

        Raises `AuthenticationError` at once, `NetworkError` after all retries.
        """
        return self.query_adaptive(lambda: (document, variables), lambda: None)

    def query_adaptive(
        self,
        make_request: Callable[[], tuple[str, Mapping[str, Any]]],
        on_failure: Callable[[], None],
    ) -> JsonObject:
        """Like `query`, for requests that can be split.

        *make_request* returns document and variables before every attempt; *on_failure* is called
        after a failure that a smaller request might have avoided.
        """

        def send_once() -> JsonObject:
            document, variables = make_request()
            return self._send_with_any_token(
                lambda token: self._send_query(token, document, dict(variables))
            )

        return self.policy.run_with_retries(send_once, on_failure)

    def get(self, path: str, parameters: Mapping[str, Any]) -> Response:
        """Return headers and body of a REST endpoint.

        Raises what `query` raises, and `NotFoundError`.
        """

        def send_once(token: Token) -> Response:
            query = dict(parameters)
            return self._send(
                lambda: self._client_for(token).requester.requestJsonAndCheck("GET", path, query)
            )

        return self.policy.run_with_retries(lambda: self._send_with_any_token(send_once))

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
                self._warn(
                    f"GitHub rejected token {token.number} of {self._pool.size};"
                    " continuing without it."
                )
            except RateLimitExceededError as limit:
                with self._lock:
                    seconds = self._pool.mark_rate_limited(token, limit.seconds)
                if seconds != 0.0:
                    raise RateLimitExceededError(str(limit), seconds=seconds) from None
        raise RateLimitExceededError("GitHub's rate limit is exceeded.", seconds=None)

    def _send_query(self, token: Token, document: str, variables: JsonObject) -> JsonObject:
        headers, body = self._send(
            lambda: self._client_for(token).requester.graphql_query(document, variables)
        )
        if not isinstance(body, dict):
            raise TransientError("GitHub's response contains no data.", hint="Try again later.")
        error = classify_query_errors(body["errors"], headers) if body.get("errors") else None
        if error:
            raise error
        data = body.get("data")
        if not isinstance(data, dict):
            if body.get("message"):  # the secondary rate limit may come with status 200
                raise classify_http_error(403, headers, str(body["message"]))
            raise TransientError("GitHub's response contains no data.", hint="Try again later.")
        self._record_cost(token, data.get("rateLimit"))
        return data

    def _send(self, send: Callable[[], Response]) -> Response:
        """Return headers and body of a response; PyGithub's exceptions carry the body."""
        from github import GithubException

        with self._lock:
            self.requests += 1
        try:
            headers, body = send()
        except GithubException as error:
            body, headers = error.data, error.headers or {}
            if not (isinstance(body, dict) and isinstance(body.get("errors"), list)):
                message = str(body.get("message", "")) if isinstance(body, dict) else ""
                raise classify_http_error(error.status, headers, message) from None
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise TransientError(
                f"No valid response from GitHub ({type(error).__name__}).",
                hint="Check the connection and try again.",
            ) from None
        if not isinstance(body, dict | list) or _is_wrapped_text(body):
            raise TransientError("GitHub's response is not JSON.", hint="Try again later.")
        return headers, body

    def _record_cost(self, token: Token, rate: Mapping[str, int] | None) -> None:
        if rate:
            with self._lock:
                self.points += rate["cost"]
                token.remaining = rate["remaining"]

    def _client_for(self, token: Token) -> "Github":
        """PyGithub client of this thread for *token*."""
        clients: dict[int, Any] = self._local.__dict__.setdefault("githubs", {})
        if token.number not in clients:
            import github

            clients[token.number] = github.Github(
                auth=github.Auth.Token(token.value) if token.value else None,
                base_url=self._api_url,
                timeout=self._timeout,
                retry=None,
                seconds_between_requests=None,
                seconds_between_writes=None,
                user_agent="curate",
            )
        return cast("Github", clients[token.number])


def _is_wrapped_text(body: object) -> bool:
    """Whether PyGithub has wrapped a body that is not JSON, such as an HTML page."""
    return isinstance(body, dict) and isinstance(body.get("data"), str)
