"""Reports -> registry: each is read and computed in a pool of processes, and stored with its result in one transaction.

Killed at any moment and started again, it goes on where it was: what is stored is stored whole, what is not is done
again, and nothing is there twice. A file that cannot be used goes to the quarantine list and stops no other.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from skindose import dependence, rdsr, summing
from skindose import recompute as again
from skindose.dependence import Task, task
from skindose.errors import KEEP_FILE, NO_MEMORY, DamagedError, InputError, SkindoseError, in_words, reason
from skindose.owed import Owed
from skindose.pipeline import compute_case
from skindose.pool import Pool
from skindose.prepare import prepare
from skindose.registry import Computed, Incoming, Registry, computed
from skindose.report.summary import summary

SETTLED_S = 2.0  # for so long nobody has written into a file that is taken
_CHUNK = 32  # files that are looked up and claimed together
_UNFINISHED = (".part", ".partial", ".tmp", ".filepart", ".crdownload")


@dataclass(frozen=True)
class Taken:
    """What became of a file, or of a study's reports that were joined.

    what     "stored", "joined", "recomputed", "summed" (with the patient's other procedures), "known" (these bytes were
             there), "elsewhere" (another program has it in work), "unsettled" (somebody writes into it), "quarantined"
             or "failed" (stored, but without this result)
    reason   for the last two, without the file's name
    path     of an unsettled one; in no log, it may name the patient
    """

    what: str
    sha256: str = ""
    case_number: str = ""
    seconds: float = 0.0
    reason: str = ""
    notes: tuple[str, ...] = ()
    path: Path | None = None


@dataclass(frozen=True)
class _Work:
    """What a worker gives back; no `Result`, which holds far more than is stored."""

    incoming: Incoming | None = None
    result: Computed | None = None
    error: SkindoseError | None = None
    seconds: float = 0.0


__all__ = ["SETTLED_S", "Taken", "Task", "add_up", "files_of", "recompute", "take", "task"]


def files_of(paths: Iterable[Path]) -> Iterator[Path]:
    """The files, and those in the folders and below; hidden ones and unfinished copies left out."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                if not name.startswith(".") and not name.lower().endswith(_UNFINISHED):
                    yield Path(folder) / name


def take(registry: Registry, files: Iterable[Path], how: Task, pool: Pool, owed: Owed | None = None) -> Iterator[Taken]:
    """Take files in; yields what became of each as it is done, then of each study that was joined.

    The next files are read while others are computed, and results are stored meanwhile.

    owed     studies to be joined; of a program that comes back, the same every time
    raises   RegistryError when the registry cannot be written: what was stored stays, the rest is done next time
    """
    owed = owed or Owed(how)
    held = _Held(registry)
    try:
        for each in _admitted(registry, files, held):
            if isinstance(each, Taken):
                yield each
                continue
            while pool.is_full():
                yield _done(registry, pool, held, owed)
            pool.put(each.digest, _work, (each.data, how))
        while pool.is_busy():
            yield _done(registry, pool, held, owed)
    finally:
        pool.clear()
        held.release()
    for procedure in owed.all():
        taken = _join(registry, procedure, how, pool, "reports of one study joined")
        if taken.what == "failed" and taken.reason != NO_MEMORY:
            owed.failed(registry, procedure, taken.reason)
        elif taken.what == "joined":
            owed.paid(procedure)
        yield taken


def recompute(registry: Registry, due: Sequence[again.Outdated], how: Task, pool: Pool) -> Iterator[Taken]:
    """Compute outdated results again; the former ones stay as history, and current where one fails.

    due      of `recompute.due`
    raises   RegistryError
    """
    for done in again.run(registry, due, how, pool):
        yield Taken(done.what, "", done.case_number, done.seconds, done.reason)


def add_up(registry: Registry, how: Task, pool: Pool) -> Iterator[Taken]:
    """Sums of patients whose results changed: by this run, by one that was killed before them, or by a correction.

    raises   RegistryError
    """
    for one in summing.follow(registry, how.rules, how.site, pool):
        what = "elsewhere" if one.reason == summing.ELSEWHERE else "failed" if one.reason else "summed"
        yield Taken(what, "", one.case_number, one.seconds, one.reason)


@dataclass(frozen=True)
class _Wanted:
    """A file that is worked on."""

    digest: str
    path: Path
    data: bytes


class _Held:
    """The files that are worked on, with their chunks, and what is claimed for them."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._wanted: dict[str, _Wanted] = {}
        self._chunks: list[tuple[set[str], set[str]]] = []  # what is claimed, and what of it is not done yet

    def add(self, claimed: set[str], wanted: Iterable[_Wanted]) -> None:
        """A chunk."""
        own = {one.digest: one for one in wanted}
        self._wanted |= own
        self._chunks.append((claimed, set(own)))

    def pop(self, digest: str) -> _Wanted:
        """A file, to be stored."""
        return self._wanted.pop(digest)

    def done(self, digest: str) -> None:
        """A file is stored; the claims of a chunk go with its last one."""
        for claimed, left in self._chunks:
            left.discard(digest)
            if not left:
                self._free(claimed)
        self._chunks = [chunk for chunk in self._chunks if chunk[1]]

    def release(self) -> None:
        """Nothing is worked on any more."""
        for claimed, _ in self._chunks:
            self._free(claimed)
        self._chunks.clear()

    def _free(self, claimed: set[str]) -> None:
        from skindose.registry import claims

        if claimed:
            claims.release(self._registry, claimed)


def _admitted(registry: Registry, files: Iterable[Path], held: _Held) -> Iterator[Taken | _Wanted]:
    """What became of each file that is not worked on, and those that are, claimed chunk by chunk."""
    from skindose.registry import claims, reading

    waiting = iter(files)
    while chunk := list(islice(waiting, _CHUNK)):
        read: dict[str, _Wanted] = {}
        for path in chunk:
            found = _read(path)
            if isinstance(found, bytes):
                digest = hashlib.sha256(found).hexdigest()
                read.setdefault(digest, _Wanted(digest, path, found))
            elif found is None:
                yield Taken("unsettled", path=path)
            else:
                yield _quarantine(registry, hashlib.sha256(os.fsencode(path)).hexdigest(), path, found)
        known = reading.known(read)
        yield from (Taken("known", digest) for digest in known)
        new = [digest for digest in read if digest not in known]
        mine = claims.claim(registry, new) if new else set()
        done = reading.known(mine)  # by another program, between looking and claiming
        mine -= done
        if done:
            claims.release(registry, done)
        yield from (Taken("elsewhere", digest, path=read[digest].path) for digest in new if digest not in mine)
        wanted = [read[digest] for digest in new if digest in mine]
        held.add(mine, wanted)
        yield from wanted


def _done(registry: Registry, pool: Pool, held: _Held, owed: Owed) -> Taken:
    """Store the next file that is done."""
    digest, work = pool.take()
    file = held.pop(digest)
    made = work if isinstance(work, _Work) else _Work(error=work)
    if made.incoming is not None:
        made = replace(made, incoming=replace(made.incoming, data=file.data))
    taken = _keep(registry, file, made, owed)
    held.done(digest)
    return taken


def _read(path: Path) -> bytes | InputError | None:
    """The file's bytes; None while somebody writes into it; else why it cannot be read."""
    try:
        before = path.stat()
        if time.time() - before.st_mtime < SETTLED_S:
            return None
        data = rdsr.file_bytes(path)
        after = path.stat()
    except InputError as error:
        return error
    except OSError as error:
        return InputError(f"cannot read the file ({reason(error)})")
    return data if (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns) else None


def _keep(registry: Registry, file: _Wanted, work: _Work, owed: Owed) -> Taken:
    """Store what a worker made of a file."""
    from skindose.registry import store

    digest, path = file.digest, str(file.path)
    if work.incoming is None:
        return _quarantine(registry, digest, file.path, work.error or SkindoseError("unknown reason"), work.seconds)
    try:
        received = store.receive(registry, work.incoming, work.result)
    except SkindoseError:
        raise
    except Exception as error:  # one file's trouble is not the others'
        return _quarantine(registry, digest, file.path, in_words(error, KEEP_FILE), work.seconds)
    if not received.current:
        owed.add(received.procedure)
    store.settle(registry, digest, path)
    if work.error is not None:
        store.quarantine(registry, digest, path, work.error.what, work.error.remedy)
        if work.error.what != NO_MEMORY:
            owed.failed(registry, received.procedure, work.error.what, of=digest)
        return Taken("failed", digest, received.case_number, work.seconds, work.error.what, received.notes)
    return Taken(
        "stored" if received.new else "known", digest, received.case_number, work.seconds, notes=received.notes
    )


def _quarantine(registry: Registry, key: str, path: Path, error: SkindoseError, seconds: float = 0.0) -> Taken:
    from skindose.registry import store

    store.quarantine(registry, key, str(path), error.what, error.remedy)
    return Taken("quarantined", key, seconds=seconds, reason=error.what)


def _join(registry: Registry, procedure: int, how: Task, pool: Pool, why: str) -> Taken:
    from skindose.registry import reading, store

    try:
        source = again.joined(procedure, why)
    except DamagedError as lost:
        return Taken("failed", "", reading.case_number(procedure), reason=lost.what)
    ((_, made),) = pool.run(again.make, {"": (source, how)})
    if not isinstance(made, again.Made) or made.result is None:
        error = made.error if isinstance(made, again.Made) else made
        return Taken("failed", "", source.number, 0.0, error.what if error else "unknown reason")
    if store.put(registry, procedure, made.result) is None:
        return Taken("elsewhere", "", source.number, made.seconds)  # another report came in meanwhile; next time
    store.settle(registry, "", source.number)
    for digest in made.result.inputs:
        store.settle(registry, digest)
    return Taken("joined", "", source.number, made.seconds)


# --- In the worker


def _work(data: bytes, how: Task) -> _Work:
    """Read and compute one report."""
    start = time.perf_counter()
    name = f"{hashlib.sha256(data).hexdigest()[:16]}.dcm"  # the file's own name may name the patient
    try:
        found = rdsr.arrival(data, name)
    except Exception as error:  # one file's trouble is not the others'
        return _Work(error=in_words(error, KEEP_FILE), seconds=time.perf_counter() - start)
    who, head, source = found.identity, found.procedure.header, found.procedure.inputs[0]
    incoming = Incoming(
        data=b"",  # who sent them has them
        sha256=source.sha256,
        sop_instance_uid=source.sop_instance_uid,
        header=head,
        issuer=who.issuer,
        number=who.number if how.site.names_somebody(who.number) else "",
        predecessors=found.predecessors,
        purpose=how.site.purpose(who.number, head.description),
    )
    result, trouble = _computed(found.procedure, how, "first result")
    return _Work(incoming, result, trouble, time.perf_counter() - start)


def _computed(procedure: Any, how: Task, why: str) -> tuple[Computed | None, SkindoseError | None]:
    try:
        standing = dependence.standing(how)  # before: what is changed meanwhile makes the result outdated
        result = compute_case(prepare(procedure, how.settings, how.rules))
        made_with = dependence.configuration(standing, how.settings, dependence.device(procedure))
        records = dependence.kept_records(how.settings, made_with)
        return computed(result, summary(result), made_with, why, records), None
    except Exception as error:  # one file's trouble is not the others'
        return None, in_words(error, KEEP_FILE)
