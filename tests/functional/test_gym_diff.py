"""Patches made from the files of two sandboxes."""

import os
import subprocess
from pathlib import Path

from curate.gym.diff import render_patch

BEFORE = {
    b"text": ("100644", b"one\ntwo\n"),
    b"crlf": ("100644", b"one\r\ntwo\r\n"),
    b"no-end": ("100644", b"one\ntwo"),
    b"binary": ("100644", bytes(range(256))),
    b"script": ("100644", b"#!/bin/sh\n"),
    b"gone": ("100644", b"gone\n"),
    b"becomes-folder": ("100644", b"file\n"),
    b"link": ("120000", b"text"),
    b"file-then-link": ("100644", b"text"),
}
AFTER = {
    b"text": ("100644", b"one\n2\n"),
    b"crlf": ("100644", b"one\r\n2\r\n"),
    b"no-end": ("100644", b"one\n2"),
    b"binary": ("100644", bytes(range(255, -1, -1))),
    b"script": ("100755", b"#!/bin/sh\n"),
    b"becomes-folder/file": ("100644", b"file\n"),
    b"link": ("120000", b"script"),
    b"file-then-link": ("120000", b"text"),
    b"empty": ("100644", b""),
    b"with space": ("100644", b"x\n"),
    b'quote"\\\ttab': ("100644", b"x\n"),
    b"new\nline": ("100644", b"x\n"),
    "ü/ö".encode(): ("100644", b"x\n"),
    b"latin-\xff": ("100644", b"x\n"),
    b".gitattributes": ("100644", b"* text eol=crlf -diff\n"),
    b".gitignore": ("100644", b"*\n"),
}


def write_files(folder: Path, files: dict[bytes, tuple[str, bytes]]) -> None:
    for path, (mode, content) in files.items():
        place = Path(os.fsdecode(os.fsencode(folder) + b"/" + path))
        place.parent.mkdir(parents=True, exist_ok=True)
        if mode == "120000":
            place.symlink_to(os.fsdecode(content))
        else:
            place.write_bytes(content)
            place.chmod(0o755 if mode == "100755" else 0o644)


def test_patch_makes_the_files_again(tmp_path: Path) -> None:
    write_files(tmp_path / "before", BEFORE)
    write_files(tmp_path / "after", AFTER)
    patch = render_patch(BEFORE, AFTER)
    command = ["git", "apply", "--whitespace=nowarn", "-"]
    subprocess.run(command, cwd=tmp_path / "before", input=patch, check=True)
    subprocess.run(["diff", "-r", "--no-dereference", "before", "after"], cwd=tmp_path, check=True)
    assert (tmp_path / "before" / "script").stat().st_mode & 0o111


def test_no_change_is_no_patch() -> None:
    assert render_patch(BEFORE, BEFORE) == b""
