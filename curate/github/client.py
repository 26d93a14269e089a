"""The one place that talks to GitHub: through PyGithub, counted, retried, over several tokens."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

from curate.github.errors import BadCredentials, classify_http_error, classify_query_errors
from curate.github.retry import Headers, RateLimitExceeded, RetryPolicy, TransientError
from curate.github.tokens import Token, TokenPool

if TYPE_CHECKING:
    from github import Github

DEFAULT_API_URL = "https://api.github.com"
T = TypeVar("T")
JsonObject = dict[str, Any]
Response = tuple[Headers, Any]


class GitHubClient:
    """Sends queries, retries them, counts requests and points; safe to share between threads.

    With several tokens the one with most points left is asked; one that reaches a limit rests
    while the others go on, one that is refused is dropped with a warning that does not show it.
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
        """*timeout* is in seconds, of connecting and of every read."""
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
        """Points left over all tokens, as last told."""
        return self._pool.total_remaining

    def query(self, document: str, variables: Mapping[str, Any]) -> JsonObject:
        """`data` of the answer, with null for what is not there.

        Raises `AuthenticationError` at once, `NetworkError` after all tries.
        """
        return self.query_adaptive(lambda: (document, variables), lambda: None)

    def query_adaptive(
        self, ask: Callable[[], tuple[str, Mapping[str, Any]]], on_failure: Callable[[], None]
    ) -> JsonObject:
        """Like `query`, for requests that can be made smaller.

        *ask* gives document and variables before every try; *on_failure* is called after an
        answer that a smaller request might have avoided.
        """

        def send_once() -> JsonObject:
            document, variables = ask()
            return self._send_with_any_token(
                lambda lane: self._send_query(lane, document, dict(variables))
            )

        return self.policy.run_with_retries(send_once, on_failure)

    def get(self, path: str, parameters: Mapping[str, Any]) -> Response:
        """Headers and body of a REST address; raises what `query` raises, and `NotFoundError`."""

        def send_once(token: Token) -> Response:
            asked = dict(parameters)
            return self._send(
                lambda: self._client_for(token).requester.requestJsonAndCheck("GET", path, asked)
            )

        return self.policy.run_with_retries(lambda: self._send_with_any_token(send_once))

    def _send_with_any_token(self, send: Callable[[Token], T]) -> T:
        """What *send* gets with the first token that is neither refused nor at its limit."""
        for _ in range(2 * self._pool.size):
            with self._lock:
                token = self._pool.choose_token()
            try:
                return send(token)
            except BadCredentials:
                with self._lock:
                    left = self._pool.remove(token)
                if not left:
                    raise
                self._warn(
                    f"GitHub refused token {token.number} of {self._pool.size}; it is left out."
                )
            except RateLimitExceeded as limit:
                with self._lock:
                    seconds = self._pool.mark_rate_limited(token, limit.seconds)
                if seconds != 0.0:
                    raise RateLimitExceeded(str(limit), seconds=seconds) from None
        raise RateLimitExceeded("GitHub's rate limit is spent.", seconds=None)

    def _send_query(self, token: Token, document: str, variables: JsonObject) -> JsonObject:
        headers, body = self._send(
            lambda: self._client_for(token).requester.graphql_query(document, variables)
        )
        if not isinstance(body, dict):
            raise TransientError("GitHub's answer holds no data.", hint="Try again later.")
        refusal = classify_query_errors(body["errors"], headers) if body.get("errors") else None
        if refusal:
            raise refusal
        data = body.get("data")
        if not isinstance(data, dict):
            if body.get("message"):  # the secondary limit may come with a status of 200
                raise classify_http_error(403, headers, str(body["message"]))
            raise TransientError("GitHub's answer holds no data.", hint="Try again later.")
        self._record_cost(token, data.get("rateLimit"))
        return data

    def _send(self, send: Callable[[], Response]) -> Response:
        """Headers and body of an answer; PyGithub raises on errors and keeps the body."""
        from github import GithubException

        with self._lock:
            self.requests += 1
        try:
            headers, body = send()
        except GithubException as refused:
            body, headers = refused.data, refused.headers or {}
            if not (isinstance(body, dict) and isinstance(body.get("errors"), list)):
                message = str(body.get("message", "")) if isinstance(body, dict) else ""
                raise classify_http_error(refused.status, headers, message) from None
        except (OSError, ValueError, TypeError, AttributeError) as broken:
            kind = type(broken).__name__
            raise TransientError(
                f"GitHub's answer is broken ({kind}).", hint="Try again."
            ) from None
        if not isinstance(body, dict | list) or _is_wrapped_text(body):
            raise TransientError("GitHub's answer is no JSON.", hint="Try again later.")
        return headers, body

    def _record_cost(self, token: Token, rate: Mapping[str, int] | None) -> None:
        if rate:
            with self._lock:
                self.points += rate["cost"]
                token.remaining = rate["remaining"]

    def _client_for(self, token: Token) -> "Github":
        """PyGithub's client of this thread and token."""
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
    """Whether PyGithub has wrapped something that is no JSON, such as a page for people."""
    return isinstance(body, dict) and isinstance(body.get("data"), str)
