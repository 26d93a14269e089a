"""Worker processes of this machine: the way of a cluster, to try it, and for its tests."""

import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from curate.cluster.slots import WorkerLostError

T = TypeVar("T")

END_SECONDS = 5.0  # for a process to end
_START = multiprocessing.get_context("spawn")


class ProcessCluster:
    """*count* processes with a slot each; one that is killed is replaced by another."""

    shares_builds = True

    def __init__(self, count: int) -> None:
        self._numbers = itertools.count(1)
        self._workers: dict[str, _Process] = {}
        self._count = count
        self._is_closed = False

    def list_workers(self) -> Mapping[str, int]:
        """Return the processes that live, as many as there should be."""
        self._workers = {it.name: it for it in self._workers.values() if it.is_alive()}
        while len(self._workers) < self._count and not self._is_closed:
            process = _Process(next(self._numbers))
            self._workers[process.name] = process
        return dict.fromkeys(self._workers, 1)

    def submit(self, worker: str, function: Callable[..., T], /, *args: Any) -> "Future[T]":
        """Call *function* in a thread of the process."""
        process = self._workers.get(worker)
        if process is None:
            return _lost(worker)
        return process.send(function, args)

    call = submit  # each call has a thread of its own

    def forget(self, futures: "list[Future[Any]]") -> None:
        """Do nothing: what is not waited for is dropped."""

    def close(self) -> None:
        """End the processes."""
        self._is_closed = True
        with ThreadPoolExecutor() as threads:
            for process in self._workers.values():
                threads.submit(process.close)


class _Process:
    """The driver's end of one worker process."""

    def __init__(self, number: int) -> None:
        self.name = f"process-{number}"
        self._pipe, theirs = _START.Pipe()
        self._process = _START.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self._futures: dict[int, Future[Any]] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        threading.Thread(target=self._receive, daemon=True).start()

    def is_alive(self) -> bool:
        return self._process.is_alive()

    def send(self, function: Callable[..., T], args: tuple[Any, ...]) -> "Future[T]":
        future: Future[T] = Future()
        with self._lock:
            number = next(self._numbers)
            self._futures[number] = future
            try:
                self._pipe.send((number, function, args))
            except OSError:
                del self._futures[number]
                return _lost(self.name)
        return future

    def close(self) -> None:
        """End the process."""
        with suppress(OSError):
            self._pipe.send(None)
        self._process.join(END_SECONDS)
        if self._process.is_alive():
            self._process.kill()

    def _receive(self) -> None:
        with suppress(EOFError, OSError):
            while True:
                number, result, error = self._pipe.recv()
                with self._lock:
                    future = self._futures.pop(number)
                with suppress(InvalidStateError):
                    if error is None:
                        future.set_result(result)
                    else:
                        future.set_exception(error)
        with self._lock:
            lost, self._futures = self._futures, {}
        for future in lost.values():
            with suppress(InvalidStateError):
                future.set_exception(WorkerLostError(self.name, "its process has ended"))


def _lost(worker: str) -> "Future[Any]":
    future: Future[Any] = Future()
    future.set_exception(WorkerLostError(worker, "its process has ended"))
    return future


def _serve(pipe: Connection) -> None:
    """Do what the driver sends, each in a thread, until it sends None, or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver says what is to end
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    lock = threading.Lock()
    with suppress(EOFError, OSError):
        while True:
            job = pipe.recv()
            if job is None:
                break
            number, function, args = job
            threading.Thread(
                target=_answer, args=(pipe, lock, number, function, args), daemon=True
            ).start()
    from curate.cluster.room import close_all

    close_all()
    os._exit(0)


def _answer(
    pipe: Connection,
    lock: threading.Lock,
    number: int,
    function: Callable[..., Any],
    args: tuple[Any, ...],
) -> None:
    result, error = None, None
    try:
        result = function(*args)
    except Exception as raised:
        error = raised
    with lock, suppress(OSError):
        try:
            pipe.send((number, result, error))
        except (TypeError, AttributeError, ValueError) as unpicklable:
            pipe.send((number, None, RuntimeError(str(unpicklable))))
