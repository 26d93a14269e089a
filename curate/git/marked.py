"""Many requests to one `git ... --stdin`, the answers told apart by a mark."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from secrets import token_hex

from builders.git.batch_process import GitProcess
from builders.git.run import GitCommandError


class DelimitedProcess:
    """A git process that echoes and flushes a line that is no object name: the end of an answer."""

    def __init__(self, path: Path, arguments: Sequence[str]) -> None:
        self._process = GitProcess(path, arguments)
        self._delimiter = f"end {token_hex(8)}\n".encode()

    def send_requests(self, requests: Sequence[bytes]) -> Iterator[bytes | GitCommandError]:
        """One answer a request, in order; git works ahead while the caller is busy.

        A request git dies of is answered with the failure, and those behind it go to a new child.
        """
        done = 0
        try:
            while done < len(requests):
                left = requests[done:]
                self._process.write_requests(
                    b"".join(line + b"\n" + self._delimiter for line in left)
                )
                for answer in self._read_answers(len(left)):
                    done += 1
                    yield answer
                if done < len(requests):
                    done += 1
                    yield self._process.collect_failure()
        finally:
            if done < len(requests):  # given up: what is still to come would confuse the next
                self.close()

    def close(self) -> None:
        """End the process."""
        self._process.close()

    def _read_answers(self, count: int) -> Iterator[bytes]:
        """Up to *count* whole answers; fewer if git breaks off."""
        buffer = bytearray()
        for _ in range(count):
            seen = 0
            while (end := buffer.find(self._delimiter, seen)) < 0:
                seen = max(0, len(buffer) - len(self._delimiter))
                piece = self._process.stdout.read1(1 << 18)  # type: ignore[attr-defined]
                if not piece:
                    return
                buffer += piece
            answer = bytes(buffer[:end])
            del buffer[: end + len(self._delimiter)]
            yield answer
