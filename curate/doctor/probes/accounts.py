"""Look at accounts: what tokens and logins may do. No secret leaves this module."""

import time
from datetime import UTC, datetime
from functools import partial
from typing import Any

from curate.core.errors import CurateError
from curate.doctor.context import CheckContext
from curate.doctor.http import HttpQuestion, ask_server
from curate.doctor.judgments.accounts import (
    HubFacts,
    RegistryFacts,
    TokenFacts,
    judge_github_tokens,
    judge_hub,
    judge_registries,
)
from curate.doctor.model import Check
from curate.doctor.parallel import call_all
from curate.doctor.registry import try_upload
from curate.github.hosts import is_hosted_by_github, token_host
from curate.github.tokens import find_tokens
from curate.github.transport import HttpRequest, Transport


def check_github_tokens(context: CheckContext) -> list[Check]:
    """Each token of the pool: whether it works, its scopes and points."""
    url = context.settings.github_api_url
    is_required = is_hosted_by_github(token_host(url))
    tokens = find_tokens(context.environment, url)
    outcomes = call_all(
        [
            partial(_ask_about_token, number, token, context)
            for number, token in enumerate(tokens, 1)
        ],
        context.seconds_left,
    )
    facts = [
        it if isinstance(it, TokenFacts) else TokenFacts(number=number, fault="no answer")
        for number, it in enumerate(outcomes, 1)
    ]
    return [judge_github_tokens(facts, is_required=is_required)]


def _ask_about_token(number: int, token: str, context: CheckContext) -> TokenFacts:
    """Ask for the rate limit, which costs no point."""
    transport = Transport(context.settings.github_api_url, context.answer_seconds)
    try:
        answer = transport.send(HttpRequest(method="GET", path="rate_limit", token=token))
    except CurateError as error:
        return TokenFacts(number=number, fault=str(error))
    if answer.status == 401:
        return TokenFacts(number=number, is_rejected=True)
    limits = _as_mapping(_as_mapping(_as_mapping(answer.body).get("resources")).get("graphql"))
    if answer.status != 200 or not limits:
        return TokenFacts(number=number, fault=f"{transport.host} answers {answer.status}")
    reset = datetime.fromtimestamp(float(limits.get("reset") or time.time()), UTC)
    return TokenFacts(
        number=number,
        remaining=int(limits.get("remaining") or 0),
        limit=int(limits.get("limit") or 0),
        reset=f"{reset:%H:%M} UTC",
        scopes=answer.headers.get("x-oauth-scopes"),
        expires=answer.headers.get("github-authentication-token-expiration", "")[:10],
    )


def check_hub(context: CheckContext) -> list[Check]:
    """Whose the Hub's token is, and what it may do."""
    from huggingface_hub import constants, get_token

    token = context.environment.get("HF_TOKEN") or get_token()
    if not token:
        return [judge_hub(HubFacts(), context.hub)]
    reply = ask_server(
        HttpQuestion(
            url=f"{constants.ENDPOINT}/api/whoami-v2",
            headers={"Authorization": f"Bearer {token}"},
            seconds=context.answer_seconds,
        )
    )
    return [judge_hub(_read_hub(reply.status, reply.text, reply.fault), context.hub)]


def _read_hub(status: int, text: str, fault: str) -> HubFacts:
    if fault:
        return HubFacts(has_token=True, fault=fault)
    if status in {401, 403}:
        return HubFacts(has_token=True, is_rejected=True)
    from curate.github.json_text import parse_json

    body = _as_mapping(parse_json(text.encode()))
    if status != 200 or not body:
        return HubFacts(has_token=True, fault=f"the Hub answers {status}")
    user = str(body.get("name") or "")
    role = _as_mapping(_as_mapping(body.get("auth")).get("accessToken")).get("role")
    owners = [str(_as_mapping(it).get("name")) for it in body.get("orgs") or ()]
    return HubFacts(has_token=True, user=user, role=str(role or ""), owners=[user, *owners])


def check_registries(context: CheckContext) -> list[Check]:
    """Whether this user may push: to where releases go, and where layers are shared."""
    named = dict.fromkeys((context.registry, context.settings.layer_cache_registry))
    registries = [name for name in named if name]
    outcomes = call_all(
        [partial(try_upload, name, context.answer_seconds) for name in registries],
        context.seconds_left,
    )
    facts = [
        it if isinstance(it, RegistryFacts) else RegistryFacts(registry=name, fault=_explain(it))
        for name, it in zip(registries, outcomes, strict=True)
    ]
    return [judge_registries(facts, pushed=context.registry)]


def _explain(outcome: BaseException | None) -> str:
    return f"{type(outcome).__name__}: {outcome}" if outcome else "no answer"


def _as_mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
