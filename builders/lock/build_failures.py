"""What to change in a manifest where a package of its lock turns out not to build."""

import re
from collections.abc import Iterator, Mapping

from packaging.utils import canonicalize_name

from builders.lock.repair import BUILD, LockAdjustment, drop_requirement, find_optional
from builders.model import Failure, RequirementsLock
from builders.requirements import Manifest

_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)==")
_FRAME = re.compile(r"^#\d+ [\d.]+ |[×│├╰─▶]", re.MULTILINE)  # what a log and uv draw around


def drop_unbuildable(
    failure: Failure, manifest: Manifest, lock: RequirementsLock
) -> LockAdjustment | None:
    """Drop the optional requirement for which *lock* has the package that did not build.

    *failure* is that of an environment; None where its log names no such package, or where
    something the project needs asks for it.
    """
    match = BUILD.search(" ".join(_FRAME.sub(" ", failure.detail).split()))
    if match is None:
        return None
    reason = f"{match[1]} {match[2] or ''}".strip() + " does not build"
    names = _iter_dependents(canonicalize_name(match[1]), parse_parents(lock.text))
    asked = [name for name in names if any(item.name == name for item in manifest.requirements)]
    if not asked or not all(find_optional(manifest, name) for name in asked):
        return None
    change = drop_requirement(manifest, asked[0], reason)
    sentences = [change.sentence]
    for name in asked[1:]:
        change = drop_requirement(change.manifest, name, reason)
        sentences.append(change.sentence)
    return LockAdjustment(manifest=change.manifest, sentence="; ".join(sentences))


def parse_parents(text: str) -> Mapping[str, list[str]]:
    """Who asks for each package, by the `# via` comments of a lock; normalised names."""
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
    """*name* and all that ask for it, however far up."""
    queue, seen = [name], {name}
    while queue:
        name = queue.pop(0)
        yield name
        fresh = [parent for parent in parents.get(name, ()) if parent not in seen]
        seen.update(fresh)
        queue += fresh
