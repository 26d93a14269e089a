"""An error as a value: what one item of a batch ended with, for the user."""

from dataclasses import dataclass

from curate.core.errors import UnexpectedError, describe_error


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Why something could not be done, for the user."""

    message: str
    hint: str = ""
    exit_code: int = 1

    @classmethod
    def of(cls, error: Exception) -> "Problem":
        """Describe *error*, which may be a bug in curate."""
        unexpected = UnexpectedError(error)
        message, hint, code = describe_error(error) or (str(unexpected), unexpected.hint, 1)
        return cls(message=message, hint=hint, exit_code=code)
