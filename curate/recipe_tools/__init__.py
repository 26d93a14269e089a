"""Tools for recipes: check one against a repository's history, draft a new one."""
