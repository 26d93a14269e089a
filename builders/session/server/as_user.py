"""Work on files with the rights of the shell, in a process of its own."""

import os
from typing import Any

from curate.builders.session.server.shell import become_user


def run_as_user(config: Any, function: Any) -> bytes:
    """Return the bytes that *function* returns, run as the user and in the shell's root folder."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        code = 1
        try:
            become_user(config)
            with open(writing, "wb") as stream:
                stream.write(function() or b"")
            code = 0
        except BaseException as error:
            os.write(2, ("%s: %s\n" % (type(error).__name__, error)).encode())
        finally:
            os._exit(code)
    os.close(writing)
    with open(reading, "rb") as stream:
        content = stream.read()
    if os.waitpid(pid, 0)[1]:
        raise OSError("files cannot be read or copied")
    return content
