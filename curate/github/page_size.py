"""How much to ask for at once: less after trouble, more again when all is well."""

PATIENT = 64  # successes after which a size that failed before is tried again


class BatchSize:
    """A size that halves on failure and doubles after some successes, within bounds.

    Where doubling was followed by failure, twice as many successes are asked for the next time,
    so that a server with a steady bound answers nearly every request.
    """

    def __init__(self, largest: int, *, smallest: int = 5, patience: int = 4) -> None:
        """*patience* is the number of successes in a row before the size doubles."""
        self.value = largest
        self._largest = largest
        self._smallest = min(smallest, largest)
        self._patience = patience
        self._good = 0
        self._grown = False

    def shrink(self) -> None:
        """Halve the size."""
        if self._grown:
            self._patience = min(2 * self._patience, PATIENT)
        self._grown = False
        self.value = max(self.value // 2, self._smallest)
        self._good = 0

    def succeeded(self) -> None:
        """Count a success; after enough of them, double the size."""
        self._good += 1
        if self._good >= self._patience:
            self._grown = self.value < self._largest
            self.value = min(self.value * 2, self._largest)
            self._good = 0
