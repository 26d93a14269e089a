"""What GitHub refuses inside an answer, with the `type` it prints beside the message."""


class RefusalError(Exception):
    """An error of a query or of one field of it."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def not_found(what: str) -> RefusalError:
    """Say that something is not there, in GitHub's words."""
    return RefusalError("NOT_FOUND", f"Could not resolve to {what}.")
