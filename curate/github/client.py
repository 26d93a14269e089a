"""The one place that talks to GitHub: through PyGithub, counted, retried, over several tokens."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

from curate.github.errors import TokenRefused, http_refusal, query_refusal
from curate.github.retry import Headers, RateLimited, RetryPolicy, Transient
from curate.github.tokens import Lane, TokenPool

if TYPE_CHECKING:
    from github import Github

DEFAULT_API_URL = "https://api.github.com"
T = TypeVar("T")
Data = dict[str, Any]
Answer = tuple[Headers, Any]


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
        warn: Callable[[str], None] = lambda text: None,
        timeout: int = 60,
    ) -> None:
        """*timeout* is in seconds, of connecting and of every read."""
        self.policy = policy or RetryPolicy()
        self.requests = 0
        self.points = 0
        self._pool = TokenPool([token] if isinstance(token, str) else list(token or ()))
        self._api_url = api_url
        self._warn = warn
        self._timeout = timeout
        self._local = threading.local()
        self._lock = threading.Lock()

    @property
    def remaining(self) -> int | None:
        """Points left over all tokens, as last told."""
        return self._pool.remaining

    def query(self, document: str, variables: Mapping[str, Any]) -> Data:
        """`data` of the answer, with null for what is not there.

        Raises `Unauthorized` at once, `NetworkError` after all tries.
        """
        return self.query_sized(lambda: (document, variables), lambda: None)

    def query_sized(
        self, ask: Callable[[], tuple[str, Mapping[str, Any]]], on_failure: Callable[[], None]
    ) -> Data:
        """Like `query`, for requests that can be made smaller.

        *ask* gives document and variables before every try; *on_failure* is called after an
        answer that a smaller request might have avoided.
        """

        def once() -> Data:
            document, variables = ask()
            return self._pooled(lambda lane: self._queried(lane, document, dict(variables)))

        return self.policy.run(once, on_failure)

    def get(self, path: str, parameters: Mapping[str, Any]) -> Answer:
        """Headers and body of a REST address; raises what `query` raises, and `NotFound`."""

        def once(lane: Lane) -> Answer:
            asked = dict(parameters)
            return self._sent(
                lambda: self._github(lane).requester.requestJsonAndCheck("GET", path, asked)
            )

        return self.policy.run(lambda: self._pooled(once))

    def _pooled(self, send: Callable[[Lane], T]) -> T:
        """What *send* gets with the first token that is neither refused nor at its limit."""
        for _ in range(2 * self._pool.size):
            with self._lock:
                lane = self._pool.choose()
            try:
                return send(lane)
            except TokenRefused:
                with self._lock:
                    left = self._pool.drop(lane)
                if not left:
                    raise
                self._warn(
                    f"GitHub refuses token {lane.number} of {self._pool.size}; going on without it."
                )
            except RateLimited as limit:
                with self._lock:
                    seconds = self._pool.rest(lane, limit.seconds)
                if seconds != 0.0:
                    raise RateLimited(str(limit), seconds=seconds) from None
        raise RateLimited("GitHub's rate limit is spent.", seconds=None)

    def _queried(self, lane: Lane, document: str, variables: Data) -> Data:
        headers, body = self._sent(
            lambda: self._github(lane).requester.graphql_query(document, variables)
        )
        if not isinstance(body, dict):
            raise Transient("GitHub's answer holds no data.", hint="Try again later.")
        refusal = query_refusal(body["errors"], headers) if body.get("errors") else None
        if refusal:
            raise refusal
        data = body.get("data")
        if not isinstance(data, dict):
            if body.get("message"):  # the secondary limit may come with a status of 200
                raise http_refusal(403, headers, str(body["message"]))
            raise Transient("GitHub's answer holds no data.", hint="Try again later.")
        self._charge(lane, data.get("rateLimit"))
        return data

    def _sent(self, send: Callable[[], Answer]) -> Answer:
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
                raise http_refusal(refused.status, headers, message) from None
        except (OSError, ValueError, TypeError, AttributeError) as broken:
            kind = type(broken).__name__
            raise Transient(f"GitHub's answer is broken ({kind}).", hint="Try again.") from None
        if not isinstance(body, dict | list) or _is_text(body):
            raise Transient("GitHub's answer is no JSON.", hint="Try again later.")
        return headers, body

    def _charge(self, lane: Lane, rate: Mapping[str, int] | None) -> None:
        if rate:
            with self._lock:
                self.points += rate["cost"]
                lane.remaining = rate["remaining"]

    def _github(self, lane: Lane) -> "Github":
        """PyGithub's client of this thread and token."""
        mine: dict[int, Any] = self._local.__dict__.setdefault("githubs", {})
        if lane.number not in mine:
            import github

            mine[lane.number] = github.Github(
                auth=github.Auth.Token(lane.token) if lane.token else None,
                base_url=self._api_url,
                timeout=self._timeout,
                retry=None,
                seconds_between_requests=None,
                seconds_between_writes=None,
                user_agent="curate",
            )
        return cast("Github", mine[lane.number])


def _is_text(body: object) -> bool:
    """Whether PyGithub has wrapped something that is no JSON, such as a page for people."""
    return isinstance(body, dict) and isinstance(body.get("data"), str)
