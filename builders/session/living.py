"""A session: a shell server in some place, and the layers or copies of its files."""

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from curate.builders.errors import SandboxError
from curate.builders.model import RunStatus
from curate.builders.session.client import ShellClient
from curate.builders.session.layers import LayerStore, is_empty, measure
from curate.builders.session.model import (
    COPY,
    OVERLAY,
    CommandResult,
    FileEntry,
    SessionOptions,
    Snapshot,
)
from curate.builders.session.pool import WarmPool
from curate.builders.session.terminal import Terminal

SMALL_COUNT, SMALL_BYTES = 300, 8 << 20  # a layer of at most this is copied by a snapshot
MAX_LAYERS = 350  # of one session; with those of an image (at most 127), the kernel takes 500
DISK_SECONDS = 2.0  # minimum seconds between two looks at what was written
DISK_FACTOR = 10  # their interval is at least this many times the duration of one


class Place(Protocol):
    """Where a shell server runs."""

    @property
    def shell(self) -> ShellClient:
        """The server."""
        ...


P = TypeVar("P", bound=Place)


class Factory(Protocol[P]):
    """Makes places and changes the files in them."""

    options: SessionOptions
    layers: LayerStore
    pool: WarmPool[P]

    @property
    def method(self) -> str:
        """OVERLAY or COPY."""
        ...

    @property
    def snapshot_note(self) -> str:
        """Why it is COPY."""
        ...

    def mount(self, place: P, layers: Sequence[Path], upper: Path) -> None:
        """Let the files of *place* be those of the instance, with *layers*, newest first."""
        ...

    def count_written_bytes(self, place: P) -> int:
        """Return the size of what was written in *place*, where there are no layers."""
        ...

    def hand_over(self, place: P, target: P, snapshot: Snapshot) -> Snapshot:
        """Give the copied files of *snapshot* of *place* to *target*; return it for there."""
        ...

    def find_reached_limit(self, place: P) -> RunStatus | None:
        """Return the limit because of which *place* has ended."""
        ...

    def give_back(self, place: P, *, is_clean: bool) -> None:
        """Remove *place*, or keep it if nothing is left in it."""
        ...


class LivingSession(Generic[P]):
    """A `Session` in a place that a factory has made."""

    def __init__(self, factory: Factory[P], place: P, start: Snapshot) -> None:
        self._factory, self._place = factory, place
        self.snapshot_method, self.snapshot_note = factory.method, factory.snapshot_note
        self._layers = factory.layers
        self._held: list[Path] = []  # layers that this session uses, once for each use
        self._upper: Path | None = None
        self._lower: tuple[Path, ...] = ()
        self._copies = 0
        self._was_limited = self._is_closed = False
        self._check_at = time.monotonic() + DISK_SECONDS
        try:
            self._begin(start)
        except BaseException:
            self.close()
            raise

    def run(self, command: bytes, seconds: float, output_bytes: int) -> CommandResult:
        """Run *command* in the shell; after *seconds*, it is interrupted."""
        try:
            result = self._shell.run(command, seconds, output_bytes, self._is_disk_exceeded)
        except SandboxError as error:
            return self._revive(error)
        if time.monotonic() > self._check_at and self._is_disk_exceeded():
            result = replace(result, reached_limit=RunStatus.OUT_OF_DISK)
        self._was_limited |= result.reached_limit is not None
        return result

    def attach(self, command: Sequence[str], terminal: Terminal) -> int:
        """Run *command* outside of the shell, on *terminal*; return its exit code."""
        return self._shell.attach(command, terminal)

    def save(self) -> Snapshot:
        """Keep the files as they are now, and the state of the shell."""
        if self.snapshot_method == COPY:
            return self._save_copy()
        assert self._upper
        if is_empty(self._upper):
            return Snapshot(layers=self._lower, shell_state=self._shell.get_state()[0])
        is_small = self._is_small(self._upper)
        state, others = self._shell.get_state(stop=True)
        if is_small or others:  # processes go on with the layer that they have
            try:
                copied = self._layers.copy_layer(self._upper)
            finally:
                self._shell.continue_all()
            self._held.append(copied)
            return Snapshot(layers=(copied, *self._lower), shell_state=state)
        layers = (self._upper, *self._lower)
        self._mount(layers)
        self._shell.start(state)
        return Snapshot(layers=layers, shell_state=state)

    def restore(self, snapshot: Snapshot) -> None:
        """Put the files back, end all processes, and start a shell with the saved state."""
        if snapshot.copy:
            self._shell.end()
            self._shell.put_back(snapshot.copy)
            self._shell.start(snapshot.shell_state)
            return
        abandoned = self._upper  # no snapshot has it: they have copies, or layers below it
        self._mount(snapshot.layers)
        self._shell.start(snapshot.shell_state)
        if abandoned:
            self._held.remove(abandoned)
            self._layers.release([abandoned])

    def fork(self, snapshot: Snapshot) -> "LivingSession[P]":
        """Return another session that starts from *snapshot* of this one."""
        if snapshot.copy:
            return self._fork_copy(snapshot)
        return LivingSession(self._factory, self._factory.pool.take(), snapshot)

    def list_files(self) -> Mapping[bytes, FileEntry]:
        """Return path -> entry of all files of the checkout, without those of git."""
        return self._shell.list_files()

    def read_files(self, paths: Iterable[bytes]) -> Mapping[bytes, bytes]:
        """Return path -> content of files of the checkout; of links, the target."""
        return self._shell.read_files(paths)

    def close(self) -> None:
        """End all processes; the place is removed, or kept for another session."""
        if self._is_closed:
            return
        self._is_closed = True
        is_clean = False
        if self.snapshot_method == OVERLAY and not self._was_limited:
            with suppress(SandboxError):
                is_clean = self._shell.end()
        self._factory.give_back(self._place, is_clean=is_clean)
        self._layers.release(self._held)

    @property
    def _shell(self) -> ShellClient:
        return self._place.shell

    def _save_copy(self) -> Snapshot:
        state = self._shell.get_state()[0]
        self._copies += 1
        self._shell.copy(str(self._copies))
        return Snapshot(copy=str(self._copies), shell_state=state, method=COPY)

    def _is_small(self, layer: Path) -> bool:
        """Whether copying *layer* is faster than a new shell over it."""
        count, size = measure(layer)
        return count <= SMALL_COUNT and size <= SMALL_BYTES

    def _begin(self, start: Snapshot) -> None:
        if self.snapshot_method == OVERLAY:
            self._layers.acquire(start.layers)
            self._held += start.layers
            self._mount(start.layers)
        self._shell.start(start.shell_state)

    def _mount(self, lower: tuple[Path, ...]) -> None:
        """Go on with a new upper layer over *lower*, which this session uses already."""
        if len(lower) > MAX_LAYERS:
            raise SandboxError(
                f"more than {MAX_LAYERS} snapshots are on top of each other",
                hint="Restore an older snapshot, or start another episode.",
            )
        upper = self._layers.make_layer()
        self._held.append(upper)
        self._factory.mount(self._place, lower, upper)
        self._upper, self._lower = upper, lower

    def _fork_copy(self, snapshot: Snapshot) -> "LivingSession[P]":
        twin = LivingSession(self._factory, self._factory.pool.take(), Snapshot(method=COPY))
        twin._copies = int(snapshot.copy)
        twin.restore(self._factory.hand_over(self._place, twin._place, snapshot))
        return twin

    def _revive(self, error: SandboxError) -> CommandResult:
        """Go on with the same files in another place, as this one has ended."""
        reached = self._factory.find_reached_limit(self._place)
        if not self._upper:
            raise error
        self._factory.give_back(self._place, is_clean=False)
        self._place = self._factory.pool.take()
        self._mount((self._upper, *self._lower))
        self._shell.start()
        return CommandResult(
            output=b"",
            total_bytes=0,
            exit_code=None,
            seconds=0.0,
            new_shell=str(error),
            reached_limit=reached,
        )

    def _is_disk_exceeded(self) -> bool:
        started = time.monotonic()
        if self._upper:
            written = measure(self._upper)[1]
        else:
            written = self._factory.count_written_bytes(self._place)
        ended = time.monotonic()
        self._check_at = ended + max(DISK_SECONDS, DISK_FACTOR * (ended - started))
        return written > self._factory.options.limits.disk_bytes
