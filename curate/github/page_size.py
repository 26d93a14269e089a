"""Adaptive page size: smaller after failures, larger again after successes."""

MAX_SUCCESSES_TO_GROW = 64  # upper bound of the successes required before the size doubles


class AdaptivePageSize:
    """A page size that halves on failure and doubles after several successes, within bounds.

    If a failure follows a doubling, twice as many successes are required before the next one, so
    that nearly every request succeeds on a server with a constant limit.
    """

    def __init__(self, largest: int, *, smallest: int = 5, successes_to_grow: int = 4) -> None:
        """*successes_to_grow* is the number of consecutive successes before the size doubles."""
        self.value = largest
        self._largest = largest
        self._smallest = min(smallest, largest)
        self._successes_to_grow = successes_to_grow
        self._successes = 0
        self._grown = False

    def shrink(self) -> None:
        """Halve the size."""
        if self._grown:
            self._successes_to_grow = min(2 * self._successes_to_grow, MAX_SUCCESSES_TO_GROW)
        self._grown = False
        self.value = max(self.value // 2, self._smallest)
        self._successes = 0

    def record_success(self) -> None:
        """Count a success; after enough of them, double the size."""
        self._successes += 1
        if self._successes >= self._successes_to_grow:
            self._grown = self.value < self._largest
            self.value = min(self.value * 2, self._largest)
            self._successes = 0
