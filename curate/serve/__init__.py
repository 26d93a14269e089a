"""Environments over HTTP: the server (`curate serve`), and the client for trainers elsewhere.

The client needs no more than curate itself; the server needs the extra `serve`.
"""

from curate.serve.client import RemoteEnvironment, RemoteServer

__all__ = ["RemoteEnvironment", "RemoteServer"]
