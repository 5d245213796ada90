"""Threads for work that compiled code does without Python's lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

_most: int | None = None


def limit(most: int) -> None:
    """Let this process work with so many threads at most: it is one of several that share the processors."""
    global _most
    _most = most


@contextmanager
def workers(threads: int | None, tasks: int) -> Iterator[Callable[..., Iterable[Any]]]:
    """`map`, or that of a pool of threads where there is enough to do.

    threads   how many; None: one per processor that this process may use
    """
    count = min(threads or _most or processors(), tasks)
    if count < 2:
        yield map
        return
    with ThreadPoolExecutor(count) as pool:
        yield pool.map


def processors() -> int:
    """Processors that this process may use; all of them where the system does not tell (Windows, macOS)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
