"""Signatures of files by the program minisign: Ed25519, of the hash of the content."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from curate.builders.errors import BuilderError

SUFFIX = ".minisig"
_SECONDS = 60  # for a password, too
_INSTALL = "Install minisign (Debian: apt install minisign; macOS: brew install minisign)."


class SignatureError(BuilderError):
    """A file could not be signed, or its signature is not that of the key."""


class MinisignMissingError(SignatureError):
    """The program is not installed."""


@dataclass(frozen=True, kw_only=True)
class Signature:
    """A signature that is right."""

    comment: str  # which was signed, too


def sign_file(path: Path, key: Path, comment: str) -> Path:
    """Sign *path* with the secret *key* and return the signature's path, beside it.

    minisign asks for the password of a key that has one. *comment* is signed, too. Raises
    SignatureError.
    """
    signature = path.with_name(path.name + SUFFIX)
    command = ["-S", "-H", "-s", str(key), "-m", str(path), "-x", str(signature), "-t", comment]
    ended = _run(command, is_quiet=not sys.stdin.isatty())
    if ended.returncode or not signature.is_file():
        reason = _last_line(ended).replace("get_password()", "it has a password")
        raise SignatureError(
            f"{path.name} could not be signed with {key}: {reason}",
            hint="Pass a secret key of minisign. Without a terminal it must have no password, as"
            " minisign -G -W makes it.",
        )
    return signature


def verify_file(path: Path, public_key: Path) -> Signature:
    """Return the signature of *path*, which is beside it; raises SignatureError if it is wrong."""
    signature = path.with_name(path.name + SUFFIX)
    ended = _run(["-V", "-p", str(public_key), "-m", str(path), "-x", str(signature)])
    if ended.returncode:
        raise SignatureError(_last_line(ended))
    found = [it for it in ended.stdout.splitlines() if it.startswith("Trusted comment: ")]
    return Signature(comment=found[0].removeprefix("Trusted comment: ") if found else "")


def _last_line(ended: subprocess.CompletedProcess[str]) -> str:
    lines = f"{ended.stdout or ''}\n{ended.stderr or ''}".strip().splitlines()
    return lines[-1].removeprefix("Password: ") if lines else "no answer"


def _run(arguments: list[str], *, is_quiet: bool = True) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["minisign", *arguments],
            capture_output=is_quiet,  # else the user is asked for a password
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise MinisignMissingError("minisign is not installed", hint=_INSTALL) from error
    except subprocess.TimeoutExpired as error:
        raise SignatureError("minisign waited for a password that did not come") from error
