"""Who works on what just now, so that two programs on one registry do not do the same work twice.

A claim is a hint, not a lock: what is stored twice is stored once anyway. It ends with the work, with the process that
holds it, or after its time.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from datetime import timedelta

from skindose.registry import audit
from skindose.registry.models import Claim
from skindose.registry.records import Registry

LONGEST = timedelta(minutes=15)
LONGEST_HOST = 150


def claim(registry: Registry, keys: Iterable[str]) -> set[str]:
    """Those of the keys that nobody else works on; they are this process's now.

    raises   RegistryError
    """
    wanted = list(keys)
    own, until = _own(), audit.now() + LONGEST
    with audit.writing(registry.key_of("audit"), registry.who, "claimed"):
        held = {row.key: row for row in Claim.objects.filter(key__in=wanted)}
        mine = [key for key in wanted if key not in held or held[key].by == own or _is_over(held[key])]
        Claim.objects.filter(key__in=mine).delete()
        Claim.objects.bulk_create(Claim(key=key, by=own, until=until) for key in mine)
    return set(mine)


def release(registry: Registry, keys: Iterable[str]) -> None:
    """The work is done, or given up.

    raises   RegistryError
    """
    with audit.writing(registry.key_of("audit"), registry.who, "released"):
        Claim.objects.filter(key__in=list(keys), by=_own()).delete()


def _own() -> str:
    return f"{socket.gethostname()[:LONGEST_HOST]} {os.getpid()}"


def _is_over(row: Claim) -> bool:
    """Past its time, or of a process of this machine that is no more."""
    host, _, process = row.by.rpartition(" ")
    return row.until < audit.now() or is_gone(host, process)


def is_gone(host: str, process: str) -> bool:
    """Whether a process was on this machine and is no more; of another machine nobody knows."""
    if host != socket.gethostname()[:LONGEST_HOST] or os.name == "nt":  # there, asking a process for its life ends it
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError):
        return False
    return False
