"""Which hosts belong to an API address: GitHub's website, and the host that tokens are for."""

from urllib.parse import urlsplit

from curate.core.names import DATA_RESIDENCY, website_url


def website_host(api_url: str) -> str:
    """Return host and port of the website."""
    return urlsplit(website_url(api_url)).netloc


def token_host(api_url: str) -> str:
    """Return the host that a token must be for, as `gh` names it: that of the API itself."""
    host = urlsplit(api_url).netloc.rpartition("@")[2].casefold()
    return host.removeprefix("api.") if is_hosted_by_github(host) else host


def is_hosted_by_github(host: str) -> bool:
    """Whether *host* is GitHub's own, not a GitHub Enterprise Server."""
    return host in ("github.com", "api.github.com") or host.endswith(DATA_RESIDENCY)
