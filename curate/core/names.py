"""Names of repositories: owner/name, and the forms made of them."""


def normalize_repo_name(name: str, repo: str) -> str:
    """*repo* where *name* is another spelling of it (GitHub ignores case), *name* otherwise."""
    return repo if name.casefold() == repo.casefold() else name
