"""Which files a git patch touches, read from its headers."""

import re

_NAMED = re.compile(rb"^(?:--- |\+\+\+ |rename from |rename to |copy from |copy to )(.*)$")
_OCTAL = re.compile(rb"\\([0-7]{3}|.)")
_LETTERS = {
    b"n": b"\n",
    b"t": b"\t",
    b"r": b"\r",
    b"a": b"\a",
    b"b": b"\b",
    b"f": b"\f",
    b"v": b"\v",
}


def patch_paths(patch: bytes) -> tuple[bytes, ...]:
    """Paths that *patch* changes, adds or removes (renames: both names), sorted, unquoted."""
    found: set[bytes] = set()
    in_hunk = False
    for line in patch.split(b"\n"):
        if line.startswith(b"diff --git "):
            in_hunk = False
            found.update(_same_name(line))
        elif line.startswith((b"@@ ", b"GIT binary patch")):
            in_hunk = True
        elif not in_hunk and (named := _NAMED.match(line)):
            found.update(_side(line, named[1]))
    return tuple(sorted(found))


def _same_name(line: bytes) -> list[bytes]:
    """The path of a header whose two sides are equal; headers of renames name theirs below."""
    rest = line.removeprefix(b"diff --git ").rstrip(b"\r")
    middle = len(rest) // 2
    old, new = _unquoted(rest[:middle]), _unquoted(rest[middle + 1 :])
    same = old.startswith(b"a/") and new.startswith(b"b/") and old[2:] == new[2:]
    return [old[2:]] if same else []


def _side(line: bytes, name: bytes) -> list[bytes]:
    name = _unquoted(name.rstrip(b"\r\t"))
    if not line.startswith((b"--- ", b"+++ ")):
        return [name]
    return [] if name == b"/dev/null" else [name[2:]]


def _unquoted(name: bytes) -> bytes:
    if not (len(name) > 1 and name.startswith(b'"') and name.endswith(b'"')):
        return name
    return _OCTAL.sub(_unescaped, name[1:-1])


def _unescaped(found: re.Match[bytes]) -> bytes:
    code = found[1]
    return bytes([int(code, 8)]) if len(code) == 3 else _LETTERS.get(code, code)
