"""What commands print, cut in its middle."""

KEPT = 1 << 20  # bytes of output kept at the head, and at the tail, until they are asked for


class Buffer:
    """Keeps head and tail of what is printed between two commands and by the latter."""

    def __init__(self) -> None:
        self.head, self.tail, self.total = bytearray(), bytearray(), 0

    def add(self, data: bytes) -> None:
        """Append *data*."""
        self.total += len(data)
        room = KEPT - len(self.head)
        self.head += data[:room]
        self.tail += data[room:]
        if len(self.tail) > 4 * KEPT:
            del self.tail[:-KEPT]

    def take(self, limit: int) -> "tuple[bytes, int]":
        """Return at most about *limit* bytes, and the number of all, and forget them."""
        data, total = bytes(self.head + self.tail), self.total
        self.head, self.tail, self.total = bytearray(), bytearray(), 0
        if total > limit:
            half = limit // 2
            note = "\n[... %d bytes cut here ...]\n" % (total - 2 * half)
            data = data[:half] + note.encode() + data[-half:]
        return data, total
