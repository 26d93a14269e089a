"""The files of the shell server in a container."""

import io
import tarfile
import time

from curate.builders.inline_source import read_standalone_source

SERVER = "/curate/session/shell_server.py"


def pack_server(copies: str, user: str) -> bytes:
    """Return a tar archive with the server, and the folder *copies*, which belongs to *user*."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in ("curate", "curate/session", "curate/root", copies.lstrip("/")):
            folder = tarfile.TarInfo(path)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            if path == copies.lstrip("/"):
                folder.mode = 0o700
                folder.uid, folder.gid = map(int, user.split(":"))
            tar.addfile(folder)
        content = read_standalone_source("curate.builders.session.server", "main").encode()
        member = tarfile.TarInfo(SERVER.lstrip("/"))
        member.size, member.mode, member.mtime = len(content), 0o444, int(time.time())
        tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
