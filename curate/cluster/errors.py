"""What goes wrong with a cluster as a whole, and what a worker says of a call that failed."""

from curate.builders.errors import BuilderError
from curate.core.errors import CurateError

RESUME = "Run the same command again: what is stored is not done again."


class ClusterError(CurateError):
    """The scheduler does not respond, or no worker can be used."""

    exit_code = 3


class RoomClosedError(Exception):
    """The worker has no room for this run: it was restarted, or the room was closed."""


class UnfitWorkerError(Exception):
    """The worker cannot do what this run needs; another one may."""


class RemoteFailureError(BuilderError):
    """An infrastructure error of one job, on a worker that may do others."""


class RemoteBugError(Exception):
    """A bug in curate that showed on a worker; the text is its traceback there."""
