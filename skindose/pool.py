"""A pool of processes that survives the death of one of them."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from typing import Any

from skindose.errors import InputError, SkindoseError

_TASKS_PER_PROCESS = 300  # then a fresh one, so that memory cannot creep


class Pool:
    """`jobs` processes; with 1 the work is done in this one.

    Processes are started afresh, not forked: the database's connection is not theirs.
    """

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self._drop()

    def run(
        self, work: Callable[..., Any], tasks: Mapping[str, tuple[Any, ...]]
    ) -> Iterator[tuple[str, Any | SkindoseError]]:
        """(name, what work gave) of each task as it is done; an error where its process died of it twice."""
        if self._jobs <= 1:
            yield from ((name, work(*arguments)) for name, arguments in tasks.items())
            return
        lost = []
        for name, done in self._round(work, tasks):
            if done is None:
                lost.append(name)
            else:
                yield name, done
        for name in lost:  # one by one: the others died only because one did
            ((_, done),) = self._round(work, {name: tasks[name]})
            yield (
                name,
                done
                if done is not None
                else InputError(
                    "the process that worked on it died", remedy="It may want more memory: run fewer --jobs."
                ),
            )

    def _round(self, work: Callable[..., Any], tasks: Mapping[str, tuple[Any, ...]]) -> Iterator[tuple[str, Any]]:
        """As `run`; None where the process died."""
        futures: dict[Future[Any], str] = {}
        broken = []
        for name, arguments in tasks.items():
            try:
                futures[self._running().submit(work, *arguments)] = name
            except BrokenProcessPool:
                broken.append(name)
        for future in as_completed(futures):
            try:
                yield futures[future], future.result()
            except BrokenProcessPool:
                broken.append(futures[future])
        if broken:
            self._drop()
            yield from ((name, None) for name in broken)

    def _running(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(
                self._jobs, context, initializer=_end_with_parent, max_tasks_per_child=_TASKS_PER_PROCESS
            )
        return self._pool

    def _drop(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


def _end_with_parent() -> None:
    """A worker whose parent was killed waits for work for ever, because the workers hold the queue's other end too."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_outlive_not, args=(parent.sentinel,), daemon=True).start()


def _outlive_not(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
