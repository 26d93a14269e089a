"""Accounts: tokens of GitHub and the Hub, the right to push images."""

from collections.abc import Sequence
from dataclasses import dataclass

from curate.doctor.model import (
    Check,
    Job,
    make_failure,
    make_ok,
    make_skipped,
    make_warning,
)

LOW_POINTS = 500  # of the 5,000 that a token has an hour
_SET_TOKEN = "Set GITHUB_TOKEN to a valid token, or log in with: gh auth login"


@dataclass(frozen=True, kw_only=True)
class TokenFacts:
    """What GitHub says of a token; its value is never here."""

    number: int  # in the pool, from 1
    remaining: int | None = None  # points of GraphQL
    limit: int | None = None
    reset: str = ""  # when there are new ones, as in "14:05 UTC"
    scopes: str | None = None  # None: GitHub told none, as for fine-grained tokens
    expires: str = ""
    is_rejected: bool = False
    fault: str = ""  # why GitHub could not be asked


@dataclass(frozen=True, kw_only=True)
class HubFacts:
    """What the Hub says of the token; its value is never here."""

    has_token: bool = False
    user: str = ""
    role: str = ""  # "read", "write" or "fineGrained"
    owners: Sequence[str] = ()  # the user and the organizations
    is_rejected: bool = False
    fault: str = ""


@dataclass(frozen=True, kw_only=True)
class RegistryFacts:
    """What a registry let this user begin."""

    registry: str
    user: str = ""  # "" = not logged in
    status: int = 0  # of the answer to the start of an upload
    is_cancelled: bool = True  # nothing of it stays
    detail: str = ""  # the registry's words
    fault: str = ""  # why it could not be asked


def judge_github_tokens(tokens: Sequence[TokenFacts], *, is_required: bool) -> Check:
    """Whether there is a token that works; *is_required*: GitHub answers none without."""
    if not tokens:
        if not is_required:
            return make_skipped("github-tokens", "none is set; this server may need none")
        return make_failure("github-tokens", "none is set", _SET_TOKEN, [Job.CRAWL])
    found = "; ".join(f"token {it.number}: {_describe_token(it)}" for it in tokens)
    good = [it for it in tokens if not it.is_rejected and not it.fault]
    if not good:
        asked = all(it.fault and not it.is_rejected for it in tokens)
        remedy = "Check the network and the setting github_api_url." if asked else _SET_TOKEN
        return make_failure("github-tokens", found, remedy, [Job.CRAWL])
    if len(good) < len(tokens):
        numbers = ", ".join(str(it.number) for it in tokens if it not in good)
        return make_warning("github-tokens", found, f"Replace or remove token {numbers}.")
    points = sum(it.remaining or 0 for it in good)
    if all(it.remaining is not None for it in good) and points < LOW_POINTS:
        remedy = "Wait for new points, or add tokens of other accounts to GITHUB_TOKENS."
        return make_warning("github-tokens", found, remedy)
    return make_ok("github-tokens", found)


def _describe_token(token: TokenFacts) -> str:
    if token.is_rejected:
        return "rejected: invalid, expired or revoked"
    if token.fault:
        return token.fault
    left = "points unknown"
    if token.remaining is not None:
        left = f"{token.remaining:,} of {token.limit or 0:,} points left until {token.reset}"
    scopes = "" if token.scopes is None else f", scopes: {token.scopes or 'none'}"
    return f"{left}{scopes}{f', expires {token.expires}' if token.expires else ''}"


def judge_hub(facts: HubFacts, dataset: str) -> Check:
    """Whether rows can be pushed to *dataset*; without one, whether a token that is set works."""
    remedy = "Set HF_TOKEN to a token with write access."
    if not facts.has_token:
        if dataset:
            return make_failure("hub", "no token is set", remedy, [Job.PUBLISH])
        return make_skipped("hub", "no token is set; only publish --hub needs one")
    if facts.is_rejected or facts.fault:
        text = facts.fault or "the Hub rejected the token"
        remedy = "Check the network and HF_ENDPOINT." if facts.fault else remedy
        if dataset:
            return make_failure("hub", text, remedy, [Job.PUBLISH])
        return make_warning("hub", text, remedy)
    found = f"user {facts.user}, role {facts.role or 'unknown'}"
    if facts.role == "read":
        if dataset:
            return make_failure("hub", found, remedy, [Job.PUBLISH])
        return make_warning("hub", f"{found}: it cannot push", remedy)
    owner = dataset.partition("/")[0]
    if dataset and owner not in facts.owners:
        text = f"{found}, which is no member of {owner}"
        return make_failure("hub", text, "Use a token of a member, or another name.", [Job.PUBLISH])
    return make_ok("hub", found)


def judge_registries(registries: Sequence[RegistryFacts], *, pushed: str) -> Check:
    """Whether images can be pushed: *pushed* is where releases go, others share layers only."""
    if not registries:
        text = "none is given; only publish --registry and layer_cache_registry need one"
        remedy = "To test one: curate doctor --registry HOST/NAMESPACE"
        return make_skipped("registry", text, remedy)
    bad = [it for it in registries if it.fault or it.status not in {201, 202}]
    found = "; ".join(f"{it.registry}: {_describe_registry(it)}" for it in registries)
    if bad:
        remedy = _find_registry_remedy(bad[0])
        jobs = [Job.PUBLISH] if any(it.registry == pushed for it in bad) else [Job.VALIDATE]
        return make_failure("registry", found, remedy, jobs)
    if not all(it.is_cancelled for it in registries):
        remedy = "The registry ends it by itself; nothing was stored."
        return make_warning("registry", f"{found}; an upload could not be cancelled", remedy)
    return make_ok("registry", found)


def _describe_registry(facts: RegistryFacts) -> str:
    if facts.fault:
        return facts.fault
    user = f"as {facts.user}" if facts.user else "without a login"
    if facts.status in {201, 202}:
        return f"may push, {user}"
    return f"may not push, {user} ({facts.status}{f': {facts.detail}' if facts.detail else ''})"


def _find_registry_remedy(facts: RegistryFacts) -> str:
    host = facts.registry.partition("/")[0]
    if facts.fault:
        return "Check its name, the network and the proxy."
    if not facts.user:
        return f"Log in: docker login {host}"
    return f"Ask for the right to push there, or log in as another user: docker login {host}"
