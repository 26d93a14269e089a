"""An error as a value: what one item of a batch ended with, for the user."""

from dataclasses import dataclass

from curate.core.errors import UnexpectedError, describe_error
from curate.core.troubleshooting import find_anchor, locate_entry


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Why something could not be done, for the user."""

    message: str
    hint: str = ""
    exit_code: int = 1
    docs: str = ""  # where the documentation has more about it

    @classmethod
    def of(cls, error: Exception) -> "Problem":
        """Describe *error*, which may be a bug in curate."""
        unexpected = UnexpectedError(error)
        message, hint, code = describe_error(error) or (str(unexpected), unexpected.hint, 1)
        docs = locate_entry(find_anchor(error, message) or find_anchor(unexpected, message))
        return cls(message=message, hint=hint, exit_code=code, docs=docs)
