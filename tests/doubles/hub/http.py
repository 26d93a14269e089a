"""What the routes of the Hub double are given and what they give back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request, its body read and its path unquoted piece by piece."""

    method: str
    path: str  # still quoted, without the query
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    base: str  # "http://127.0.0.1:port"

    @property
    def store(self) -> str:
        """Another name of the same server: clients take a redirect within a host for a rename."""
        return self.base.replace("127.0.0.1", "localhost")

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; empty for an empty body."""
        return json.loads(self.body) if self.body else {}

    def form(self) -> dict[str, list[str]]:
        """The body as a form, or as JSON where that is what was sent."""
        if "json" in self.headers.get("content-type", ""):
            return {key: value for key, value in self.json().items() if isinstance(value, list)}
        return parse_qs(self.body.decode())

    def flag(self, name: str) -> bool:
        """Whether the query switches *name* on."""
        return self.query.get(name, ["false"])[0].lower() in {"true", "1"}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A status, a body and headers."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def as_json(value: object, status: int = 200, **headers: str) -> Answer:
    """*value* as a JSON answer; underscores in header names become dashes."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    body = json.dumps(value).encode()
    return Answer(status=status, body=body, headers={"Content-Type": "application/json", **named})
