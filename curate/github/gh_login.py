"""The token of GitHub's own command line, `gh`, for people who are logged in with it."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_SECONDS = 5.0  # for gh, which may ask the system's keyring


def read_gh_token(host: str, environment: Mapping[str, str]) -> str | None:
    """Return the token of *host* that `gh auth login` stored; None if there is none.

    Asks `gh auth token` if gh is installed; otherwise, or if that fails, reads its `hosts.yml`.
    """
    return _ask_gh(host, environment) or _read_hosts_file(host, environment)


def _ask_gh(host: str, environment: Mapping[str, str]) -> str | None:
    program = shutil.which("gh", path=environment.get("PATH"))
    if program is None:
        return None
    try:
        answer = subprocess.run(
            [program, "auth", "token", "--hostname", host],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={**environment, "GH_PROMPT_DISABLED": "1", "GH_NO_UPDATE_NOTIFIER": "1"},
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    token = answer.stdout.decode("utf-8", "replace").strip()
    return token if answer.returncode == 0 and token else None


def _read_hosts_file(host: str, environment: Mapping[str, str]) -> str | None:
    import yaml

    try:
        text = (_find_config_folder(environment) / "hosts.yml").read_text(encoding="utf-8")
        hosts = yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError):
        return None
    entries = {str(name).casefold(): entry for name, entry in _as_mapping(hosts).items()}
    return next(_find_tokens(_as_mapping(entries.get(host.casefold()))), None)


def _find_tokens(entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield the token of a host, else those of its users, the active one first."""
    users = _as_mapping(entry.get("users"))
    active = _as_mapping(users.get(entry.get("user")))
    for place in (entry, active, *map(_as_mapping, users.values())):
        token = place.get("oauth_token")
        if isinstance(token, str) and token.strip():
            yield token.strip()


def _find_config_folder(environment: Mapping[str, str]) -> Path:
    if folder := environment.get("GH_CONFIG_DIR"):
        return Path(folder)
    if folder := environment.get("XDG_CONFIG_HOME"):
        return Path(folder) / "gh"
    if os.name == "nt" and (folder := environment.get("APPDATA")):
        return Path(folder) / "GitHub CLI"
    return Path(environment.get("HOME") or Path.home()) / ".config" / "gh"


def _as_mapping(value: object) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}
