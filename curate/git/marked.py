"""Many requests to one `git ... --stdin` process, the answers separated by a delimiter."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from secrets import token_hex

from curate.builders.git.batch_process import GitProcess
from curate.builders.git.run import GitCommandError


class DelimitedProcess:
    """A git process that echoes and flushes any line that is not an object id.

    Such a line after each request marks the end of its answer.
    """

    def __init__(self, path: Path, arguments: Sequence[str]) -> None:
        self._process = GitProcess(path, arguments)
        self._delimiter = f"end {token_hex(8)}\n".encode()

    def send_requests(self, requests: Sequence[bytes]) -> Iterator[bytes | GitCommandError]:
        """Yield one answer per request, in order; git works ahead while the caller is busy.

        A request that makes git exit yields the error; those after it go to a new process.
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
            if done < len(requests):  # not read to the end: leftover output would mix with the next
                self.close()

    def close(self) -> None:
        """Terminate the process."""
        self._process.close()

    def _read_answers(self, count: int) -> Iterator[bytes]:
        """Yield up to *count* complete answers; fewer if git exits."""
        buffer = bytearray()
        for _ in range(count):
            seen = 0
            while (end := buffer.find(self._delimiter, seen)) < 0:
                seen = max(0, len(buffer) - len(self._delimiter))
                chunk = self._process.stdout.read1(1 << 18)  # type: ignore[attr-defined]
                if not chunk:
                    return
                buffer += chunk
            answer = bytes(buffer[:end])
            del buffer[: end + len(self._delimiter)]
            yield answer
