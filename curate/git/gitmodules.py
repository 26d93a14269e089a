"""The submodules that a commit declares in `.gitmodules`, and the repositories that they come from.

What the file says is never given to git as it is: an address is taken apart, and only a host and a
path in plain characters are left of it.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from curate.builders.git.run import run_git

FILE = ".gitmodules"

_SCHEMES = ("https", "http", "git", "ssh", "git+ssh")
_SCP = re.compile(r"(?:[\w.-]+@)?([\w.-]+):(?!//)(.+)")  # git@github.com:owner/name.git
_SEGMENT = re.compile(r"[A-Za-z0-9_][\w.-]*", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*(?::\d+)?")


def read_submodules(mirror: Path, revision: str) -> Mapping[str, str]:
    """Return path -> address of the submodules in the blob *revision*, e.g. `COMMIT:.gitmodules`.

    Entries without a path or an address are left out; so is a file that git cannot parse.
    """
    pattern = r"^submodule\..*\.(path|url)$"
    done = run_git(mirror, "config", "--blob", revision, "-z", "--get-regexp", pattern)
    values: dict[str, dict[str, str]] = {}
    for entry in done.stdout.decode("utf-8", "surrogateescape").split("\0"):
        key, _, value = entry.partition("\n")
        section, _, name = key.rpartition(".")
        values.setdefault(section, {})[name] = value
    return {it["path"]: it["url"] for it in values.values() if it.get("path") and it.get("url")}


def name_repository(address: str, repo: str) -> str:
    """Return the repository of a submodule of *repo* ("owner/name"), by its *address*.

    Returns:
        "owner/name" on the host of *repo* if the address is relative, else "host/owner/name"; "" if
        it is a local path, has another scheme than git's and the web's, or odd characters.
    """
    if re.search(r"\s", address):
        return ""  # `urlsplit` would drop it
    if address.startswith(("./", "../")):
        return _join_relative(address, repo)
    parts = urlsplit(address) if "://" in address else None
    if parts is None:
        match = _SCP.fullmatch(address)
        host, path = (match[1], match[2]) if match else ("", "")
    elif parts.scheme in _SCHEMES and not parts.query:
        host, path = parts.netloc.rpartition("@")[2], parts.path
    else:
        return ""
    name = _clean_path(path)
    return f"{host.lower()}/{name}" if name and _HOST.fullmatch(host) else ""


def hide_credentials(address: str) -> str:
    """Return *address* without a user and password."""
    return re.sub(r"(?<=://)[^/@]*@", "", address)


def _join_relative(address: str, repo: str) -> str:
    """Resolve *address* as git does: relative to the address of *repo*, as if it were a folder."""
    segments = repo.split("/")
    for part in address.split("/"):
        if part == ".." and segments:
            segments.pop()
        elif part not in ("", ".", ".."):
            segments.append(part)
    name = _clean_path("/".join(segments))
    return name if name.count("/") == 1 else ""


def _clean_path(path: str) -> str:
    """Return "owner/name" of a *path*, without `.git`; "" if it is not such a path."""
    segments = path.strip("/").removesuffix(".git").split("/")
    is_plain = all(_SEGMENT.fullmatch(part) and ".." not in part for part in segments)
    return "/".join(segments) if is_plain and len(segments) > 1 else ""
