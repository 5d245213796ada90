"""A pool of processes that survives the death of one of them."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from typing import Any, NamedTuple

from skindose import threads
from skindose.errors import InputError, SkindoseError

# Tasks that are given out to each process at a time: one that it works on and one that waits, so that it never does.
_EACH = 2
# Libraries that would start a thread for each processor in each process.
_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class _Task(NamedTuple):
    name: str
    work: Callable[..., Any]
    arguments: tuple[Any, ...]


class Pool:
    """`jobs` processes; with 1 the work is done in this one.

    Tasks are put in while others are worked on, and taken out as they are done; no more of them are held than keep
    the processes busy. Processes are started afresh, not forked: the database's connection is not theirs.
    """

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._pool: ProcessPoolExecutor | None = None
        self._given: dict[Future[Any], _Task] = {}
        self._lost: deque[_Task] = deque()  # their process died, of them or of another one
        self._here: deque[_Task] = deque()  # with one job

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self._drop()

    def run(
        self, work: Callable[..., Any], tasks: Mapping[str, tuple[Any, ...]]
    ) -> Iterator[tuple[str, Any | SkindoseError]]:
        """(name, what work gave) of each task as it is done; an error where its process died of it twice."""
        for name, arguments in tasks.items():
            while self.is_full():
                yield self.take()
            self.put(name, work, arguments)
        while self.is_busy():
            yield self.take()

    def is_busy(self) -> bool:
        """Whether a task is in it."""
        return bool(self._given or self._lost or self._here)

    def is_full(self) -> bool:
        """Whether one must be taken out before another is put in."""
        return bool(self._lost or self._here) or len(self._given) >= _EACH * self._jobs

    def put(self, name: str, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        """Have a task done; not while it is full."""
        task = _Task(name, work, arguments)
        if self._jobs <= 1:
            self._here.append(task)
        elif self._lost:
            self._lost.append(task)
        else:
            self._give(task)

    def take(self) -> tuple[str, Any | SkindoseError]:
        """The name of a task that is done, and what its work gave; waits for it. An error as `run` has it."""
        if self._here:
            task = self._here.popleft()
            return task.name, task.work(*task.arguments)
        while not self._lost:
            done, _ = wait(self._given, return_when=FIRST_COMPLETED)
            future = done.pop()
            task = self._given.pop(future)
            try:
                return task.name, future.result()
            except BrokenProcessPool:
                self._broke(task)
        return self._alone(self._lost.popleft())

    def clear(self) -> None:
        """Forget what is in it; what is worked on just now comes to its end unheard."""
        for future in self._given:
            future.cancel()
        for held in (self._given, self._lost, self._here):
            held.clear()

    def _alone(self, task: _Task) -> tuple[str, Any | SkindoseError]:
        """One that was lost, by itself: the others died only because one did."""
        try:
            return task.name, self._running().submit(task.work, *task.arguments).result()
        except BrokenProcessPool:
            self._drop()
        return task.name, InputError(
            "the process that worked on it died", remedy="It may want more memory: run fewer --jobs."
        )

    def _give(self, task: _Task) -> None:
        try:
            self._given[self._running().submit(task.work, *task.arguments)] = task
        except BrokenProcessPool:
            self._broke(task)

    def _broke(self, task: _Task) -> None:
        """Nobody knows which task killed the process: all that were given out are lost."""
        self._lost += [task, *self._given.values()]
        self._given.clear()
        self._drop()

    def _running(self) -> ProcessPoolExecutor:
        if self._pool is None:
            for name in _ONE_THREAD:
                os.environ.setdefault(name, "1")  # for the processes: here the libraries have read it
            each = max(1, threads.processors() // self._jobs)
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._jobs, context, initializer=_start, initargs=(each,))
        return self._pool

    def _drop(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


def _start(most_threads: int) -> None:
    """In a new process."""
    threads.limit(most_threads)
    end_with_parent()


def end_with_parent() -> None:
    """A worker whose parent was killed waits for work for ever, because the workers hold the queue's other end too."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_outlive_not, args=(parent.sentinel,), daemon=True).start()


def _outlive_not(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
