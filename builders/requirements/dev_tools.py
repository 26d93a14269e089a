"""Linters, formatters and documentation tools: tests do not need them, and they hinder locks."""

_NAMES = frozenset(
    {
        "asv",
        "autoflake",
        "autopep8",
        "bandit",
        "black",
        "codespell",
        "cpplint",
        "darglint",
        "doc8",
        "flakehell",
        "flynt",
        "furo",
        "interrogate",
        "isort",
        "mike",
        "mypy",
        "nbsphinx",
        "numpydoc",
        "pre-commit",
        "pre-commit-hooks",
        "prospector",
        "pycln",
        "pycodestyle",
        "pydocstyle",
        "pyflakes",
        "pylint",
        "pyright",
        "pyupgrade",
        "recommonmark",
        "releasenotes",
        "ruff",
        "safety",
        "sphinx",
        "towncrier",
        "twine",
        "vulture",
        "yapf",
    }
)
_PREFIXES = ("flake8", "mkdocs", "pep8-", "pydata-sphinx", "pylint-", "sphinx-", "sphinxcontrib")


def is_tool(name: str) -> bool:
    """Whether the normalised *name* is a linter, a formatter or a documentation tool."""
    return name in _NAMES or name.startswith(_PREFIXES)
