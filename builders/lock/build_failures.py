"""Adjust a manifest when a package of its lock fails to build."""

import re
from collections.abc import Iterator, Mapping

from packaging.utils import canonicalize_name

from curate.builders.lock.repair import BUILD, LockAdjustment, drop_requirement, find_optional
from curate.builders.model import Failure, RequirementsLock
from curate.builders.requirements import Manifest

_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)==")
_FRAME = re.compile(r"^#\d+ [\d.]+ |[×│├╰─▶]", re.MULTILINE)  # log prefixes, uv's tree drawing


def drop_unbuildable(
    failure: Failure, manifest: Manifest, lock: RequirementsLock
) -> LockAdjustment | None:
    """Drop the optional requirements that depend on the package that failed to build.

    Args:
        failure: The failed build of an environment.
        manifest: The manifest of *lock*.
        lock: The lock that was to be installed.

    Returns:
        None if the log names no such package, or if a core requirement depends on it.
    """
    match = BUILD.search(" ".join(_FRAME.sub(" ", failure.detail).split()))
    if match is None:
        return None
    reason = f"{match[1]} {match[2] or ''}".strip() + " does not build"
    names = _iter_dependents(canonicalize_name(match[1]), parse_parents(lock.text))
    declared = [name for name in names if any(item.name == name for item in manifest.requirements)]
    if not declared or not all(find_optional(manifest, name) for name in declared):
        return None
    change = drop_requirement(manifest, declared[0], reason)
    sentences = [change.sentence]
    for name in declared[1:]:
        change = drop_requirement(change.manifest, name, reason)
        sentences.append(change.sentence)
    return LockAdjustment(manifest=change.manifest, sentence="; ".join(sentences))


def parse_parents(text: str) -> Mapping[str, list[str]]:
    """Return package -> packages that require it, from the `# via` comments of a lock.

    Names are normalized (PEP 503).
    """
    found: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        pin = _PIN.match(line)
        comment = line.strip().removeprefix("#").strip().removeprefix("via").strip()
        if pin:
            name = canonicalize_name(pin[1])
        elif name and line.startswith(" ") and comment and not comment.startswith("-r "):
            found.setdefault(name, []).append(canonicalize_name(comment))
    return found


def _iter_dependents(name: str, parents: Mapping[str, list[str]]) -> Iterator[str]:
    """Yield *name* and all packages that depend on it, directly or not."""
    queue, seen = [name], {name}
    while queue:
        name = queue.pop(0)
        yield name
        unseen = [parent for parent in parents.get(name, ()) if parent not in seen]
        seen.update(unseen)
        queue += unseen
