"""Repository names ("owner/name")."""


def normalize_repo_name(name: str, repo: str) -> str:
    """Return *repo* if *name* equals it ignoring case, as GitHub does; otherwise *name*."""
    return repo if name.casefold() == repo.casefold() else name
