"""Requests to servers, once and briefly: what fails is a value with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

CONNECT_SECONDS = 4.0


@dataclass(frozen=True, kw_only=True)
class HttpReply:
    """What a server answered; with `fault`, why it did not."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    text: str = ""
    fault: str = ""


@dataclass(frozen=True, kw_only=True)
class HttpQuestion:
    """A request without a body."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    user: tuple[str, str] | None = None  # name and password
    ca_bundle: str = ""  # "" = that of the system
    seconds: float = 5.0  # for each read


def ask_server(question: HttpQuestion) -> HttpReply:
    """Send a request, through the proxy that the environment names; redirects are followed."""
    import requests

    try:
        answer = requests.request(
            question.method,
            question.url,
            headers=dict(question.headers),
            auth=question.user,
            timeout=(min(CONNECT_SECONDS, question.seconds), question.seconds),
            verify=question.ca_bundle or True,
        )
    except (requests.RequestException, OSError, ValueError) as error:
        return HttpReply(fault=describe_fault(error, host_of(question.url)))
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return HttpReply(status=answer.status_code, headers=headers, text=answer.text)


def host_of(url: str) -> str:
    """Return host and port of *url*, without user and password."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2] or url
    except ValueError:
        return url


def describe_fault(error: BaseException, host: str) -> str:
    """Say in a few words why *host* did not answer."""
    import requests
    import urllib3

    cause = error.args[0] if error.args else error
    reason = getattr(cause, "reason", None) or cause
    if isinstance(error, requests.exceptions.SSLError):
        return f"no secure connection to {host}: {str(reason)[:160]}"
    if isinstance(error, requests.exceptions.ProxyError):
        return f"the proxy does not let requests to {host} through"
    if isinstance(reason, urllib3.exceptions.NameResolutionError):
        return f"the host {host} is not found"
    if isinstance(error, requests.Timeout):
        return f"{host} does not answer in time"
    if "[Errno" in str(reason):
        return f"{host}: {str(reason).rpartition(']')[2].strip(' .)')}"
    return f"{host}: {type(error).__name__}: {str(error)[:160]}"
