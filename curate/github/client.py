"""The one place that talks to GitHub: GraphQL through PyGithub, counted and retried."""

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from curate.github.refusals import http_refusal, query_refusal
from curate.github.retry import Headers, RetryPolicy, Transient

if TYPE_CHECKING:
    from github import Github

DEFAULT_API_URL = "https://api.github.com"
Data = dict[str, Any]


class GitHubClient:
    """Sends queries, retries them, counts requests and points; safe to share between threads."""

    def __init__(
        self,
        token: str | None,
        api_url: str = DEFAULT_API_URL,
        *,
        policy: RetryPolicy | None = None,
        timeout: int = 60,
    ) -> None:
        """*timeout* is in seconds, of connecting and of every read."""
        self.policy = policy or RetryPolicy()
        self.requests = 0
        self.points = 0
        self.remaining: int | None = None  # points left, as last told
        self._token = token
        self._api_url = api_url
        self._timeout = timeout
        self._local = threading.local()
        self._lock = threading.Lock()

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
        return self.policy.run(lambda: self._once(*ask()), on_failure)

    def _once(self, document: str, variables: Mapping[str, Any]) -> Data:
        headers, body = self._sent(document, dict(variables))
        refusal = query_refusal(body["errors"], headers) if body.get("errors") else None
        if refusal:
            raise refusal
        data = body.get("data")
        if not isinstance(data, dict):
            raise Transient("GitHub's answer holds no data.", hint="Try again later.")
        self._charge(data.get("rateLimit"))
        return data

    def _sent(self, document: str, variables: Data) -> tuple[Headers, Data]:
        """Headers and body of a GraphQL answer; PyGithub raises on errors and keeps the body."""
        from github import GithubException

        with self._lock:
            self.requests += 1
        try:
            headers, body = self._github().requester.graphql_query(document, variables)
        except GithubException as refused:
            body, headers = refused.data, refused.headers or {}
            if not (isinstance(body, dict) and isinstance(body.get("errors"), list)):
                message = str(body.get("message", "")) if isinstance(body, dict) else ""
                raise http_refusal(refused.status, headers, message) from None
        except (OSError, ValueError, TypeError) as broken:
            kind = type(broken).__name__
            raise Transient(f"GitHub's answer is broken ({kind}).", hint="Try again.") from None
        return headers, body

    def _charge(self, rate: Mapping[str, int] | None) -> None:
        if rate:
            with self._lock:
                self.points += rate["cost"]
                self.remaining = rate["remaining"]

    def _github(self) -> "Github":
        if not hasattr(self._local, "github"):
            from github import Auth, Github

            self._local.github = Github(
                auth=Auth.Token(self._token) if self._token else None,
                base_url=self._api_url,
                timeout=self._timeout,
                retry=None,
                seconds_between_requests=None,
                seconds_between_writes=None,
                user_agent="curate",
            )
        github: Github = self._local.github
        return github
