"""How much to ask for at once: less after trouble, more again when all is well."""

MAX_SUCCESSES_TO_GROW = 64  # successes after which a size that failed before is tried again


class AdaptivePageSize:
    """A size that halves on failure and doubles after some successes, within bounds.

    Where doubling was followed by failure, twice as many successes are asked for the next time,
    so that a server with a steady bound answers nearly every request.
    """

    def __init__(self, largest: int, *, smallest: int = 5, successes_to_grow: int = 4) -> None:
        """*successes_to_grow* is the number of successes in a row before the size doubles."""
        self.value = largest
        self._largest = largest
        self._smallest = min(smallest, largest)
        self._patience = successes_to_grow
        self._successes = 0
        self._grown = False

    def shrink(self) -> None:
        """Halve the size."""
        if self._grown:
            self._patience = min(2 * self._patience, MAX_SUCCESSES_TO_GROW)
        self._grown = False
        self.value = max(self.value // 2, self._smallest)
        self._successes = 0

    def record_success(self) -> None:
        """Count a success; after enough of them, double the size."""
        self._successes += 1
        if self._successes >= self._patience:
            self._grown = self.value < self._largest
            self.value = min(self.value * 2, self._largest)
            self._successes = 0
