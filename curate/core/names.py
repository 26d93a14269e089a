"""Repository names ("owner/name"), and the ways to write a pull request."""

import re
from urllib.parse import urlsplit

DATA_RESIDENCY = ".ghe.com"  # GitHub Enterprise Cloud: API of NAME.ghe.com is at api.NAME.ghe.com

_SITE = r"(?:https?://(?:[^/\s]+)/|(?:www\.)?github\.com/)?"
_REPO = r"(?P<repo>[\w.-]+/[\w.-]+?)"
_PULL_FORMS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_SITE}{_REPO}/pulls?/(?P<number>\d+)(?:[/?#]\S*)?",
        rf"{_SITE}{_REPO}#(?P<number>\d+)",
        r"(?P<repo>[\w.-]+?__[\w.-]+)-(?P<number>\d+)",
    )
)

_REPO_ADDRESS = re.compile(
    r"(?:(?:https?|ssh|git)://(?:[^/\s@]+@)?(?:www\.)?github\.com/|git@github\.com:|github\.com/)?"
    r"(?P<repo>[\w.-]+/[\w.-]+?)(?:\.git)?/?"
)


def is_repo_name(text: str) -> bool:
    """Whether *text* could be a repository: "owner/name" in the characters that GitHub allows."""
    return re.fullmatch(r"[A-Za-z0-9][\w.-]*/[\w.-]+", text, re.ASCII) is not None


def parse_repo_name(text: str) -> str:
    """Return "owner/name" if *text* is that or an address of the repository; else *text*."""
    match = _REPO_ADDRESS.fullmatch(text.strip())
    return match["repo"] if match else text


def normalize_repo_name(name: str, repo: str) -> str:
    """Return *repo* if *name* equals it ignoring case, as GitHub does; otherwise *name*."""
    return repo if name.casefold() == repo.casefold() else name


def parse_pull_name(text: str) -> tuple[str, int] | None:
    """Return repository and number of a pull request; None if *text* names none.

    *text* is an instance id (`owner__name-12`), `owner/name#12`, or the address of the pull
    request or of one of its pages.
    """
    for form in _PULL_FORMS:
        if match := form.fullmatch(text.strip().rstrip(",;")):
            repo = match["repo"]
            return repo if "/" in repo else repo.replace("__", "/", 1), int(match["number"])
    return None


def make_instance_id(repo: str, number: int) -> str:
    """Return the id of the candidate that pull request *number* of *repo* is or could be."""
    return f"{repo.replace('/', '__')}-{number}"


def pull_address(repo: str, number: int, api_url: str) -> str:
    """Return the address of a pull request on the site whose API is at *api_url*."""
    return f"{website_url(api_url)}/{repo}/pull/{number}"


def website_url(api_url: str) -> str:
    """Return the address of the website; GitHub Enterprise Server has its API below `/api/v3`."""
    address = api_url.rstrip("/")
    if address.endswith("/api/v3"):
        return address.removesuffix("/api/v3")
    host = urlsplit(address).netloc
    if host.endswith(DATA_RESIDENCY):
        return f"https://{host.removeprefix('api.')}"
    return "https://github.com"
