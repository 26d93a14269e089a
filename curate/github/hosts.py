"""Which hosts belong to an API address: GitHub's website, and the host that tokens are for."""

from urllib.parse import urlsplit

_DATA_RESIDENCY = ".ghe.com"  # GitHub Enterprise Cloud: API of NAME.ghe.com is at api.NAME.ghe.com


def website_url(api_url: str) -> str:
    """Return the address of the website; GitHub Enterprise Server has its API below `/api/v3`."""
    address = api_url.rstrip("/")
    if address.endswith("/api/v3"):
        return address.removesuffix("/api/v3")
    host = urlsplit(address).netloc
    if host.endswith(_DATA_RESIDENCY):
        return f"https://{host.removeprefix('api.')}"
    return "https://github.com"


def website_host(api_url: str) -> str:
    """Return host and port of the website."""
    return urlsplit(website_url(api_url)).netloc


def token_host(api_url: str) -> str:
    """Return the host that a token must be for, as `gh` names it: that of the API itself."""
    host = urlsplit(api_url).netloc.rpartition("@")[2].casefold()
    return host.removeprefix("api.") if is_hosted_by_github(host) else host


def is_hosted_by_github(host: str) -> bool:
    """Whether *host* is GitHub's own, not a GitHub Enterprise Server."""
    return host in ("github.com", "api.github.com") or host.endswith(_DATA_RESIDENCY)
