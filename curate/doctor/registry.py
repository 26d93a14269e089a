"""May this user push? The start of an upload is asked for, and taken back: nothing stays.

This is what the registry's HTTP API offers, with the credentials of `docker login`, as the engine
would use them.
"""

import json
import re
from collections.abc import Mapping
from urllib.parse import urlencode, urljoin

from curate.doctor.http import HttpQuestion, HttpReply, ask_server, host_of
from curate.doctor.judgments.accounts import RegistryFacts

_DOCKER_HUB = {"docker.io": "registry-1.docker.io", "index.docker.io": "registry-1.docker.io"}
_LOOPBACK = re.compile(r"(?:127(?:\.\d+){3}|localhost|\[::1\])(?::\d+)?")
_TEST_NAME = "curate-doctor"
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


def try_upload(registry: str, seconds: float) -> RegistryFacts:
    """Begin and cancel an upload to *registry*, "host[:port][/namespace]"."""
    host, _, namespace = registry.rstrip("/").partition("/")
    name = f"{namespace}/{_TEST_NAME}" if namespace else _TEST_NAME
    user = read_login(host)
    base = f"{_find_scheme(host)}://{_DOCKER_HUB.get(host, host)}"
    url = f"{base}/v2/{name}/blobs/uploads/"
    headers: dict[str, str] = {}
    reply = ask_server(HttpQuestion(method="POST", url=url, seconds=seconds))
    if reply.status == 401:
        headers = _authorize(reply, name, user, seconds)
        basic = user if not headers else None
        if headers or basic:
            question = HttpQuestion(
                method="POST", url=url, headers=headers, user=basic, seconds=seconds
            )
            reply = ask_server(question)
    is_cancelled = True
    if reply.status in {201, 202} and (place := reply.headers.get("location")):
        is_cancelled = _cancel(urljoin(url, place), url, headers, user, seconds)
    return RegistryFacts(
        registry=registry,
        user=user[0] if user else "",
        status=reply.status,
        is_cancelled=is_cancelled,
        detail=_read_error(reply.text) if reply.status >= 400 else "",
        fault=reply.fault,
    )


def _cancel(
    place: str,
    asked: str,
    headers: Mapping[str, str],
    user: tuple[str, str] | None,
    seconds: float,
) -> bool:
    """Take back the upload at *place*; its login is given to the host that was *asked* alone."""
    is_same = host_of(place) == host_of(asked)
    question = HttpQuestion(
        method="DELETE",
        url=place,
        headers=headers if is_same else {},
        user=user if is_same and not headers else None,
        seconds=seconds,
    )
    return ask_server(question).status in {200, 202, 204, 404}


def read_login(host: str) -> tuple[str, str] | None:
    """Return name and password of `docker login`; None without one, or if it cannot be read."""
    from docker.auth import load_config
    from docker.errors import DockerException

    try:
        found = load_config().resolve_authconfig(host) or {}
    except (DockerException, OSError, ValueError):
        return None
    name = found.get("Username") or found.get("username")
    password = found.get("Password") or found.get("password")
    if token := found.get("IdentityToken") or found.get("identitytoken"):
        return "<token>", str(token)
    return (str(name), str(password)) if name and password else None


def _find_scheme(host: str) -> str:
    return "http" if _LOOPBACK.fullmatch(host) else "https"


def _authorize(
    reply: HttpReply, name: str, user: tuple[str, str] | None, seconds: float
) -> dict[str, str]:
    """Get the token that the registry's challenge asks for; empty if it wants a password."""
    kind, _, rest = reply.headers.get("www-authenticate", "").partition(" ")
    parameters = dict(_PARAMETER.findall(rest))
    if kind.lower() != "bearer" or not parameters.get("realm"):
        return {}
    asked = {"service": parameters.get("service", ""), "scope": f"repository:{name}:pull,push"}
    url = f"{parameters['realm']}?{urlencode(asked)}"
    answer = ask_server(HttpQuestion(url=url, user=user, seconds=seconds))
    try:
        found = json.loads(answer.text)
        token = found.get("token") or found.get("access_token")
    except (ValueError, AttributeError, RecursionError):
        return {}
    return {"Authorization": f"Bearer {token}"} if token else {}


def _read_error(text: str) -> str:
    """Return the first message of a registry's error, in its form of JSON."""
    try:
        return str(json.loads(text)["errors"][0]["message"])[:100]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return ""
