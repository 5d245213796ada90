"""Files -> result folders: one bad file stops no other."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from skindose import rdsr
from skindose.config import Settings
from skindose.errors import KEEP_FILE, NO_MEMORY, InputError, OutputError, SkindoseError, reason, unforeseen
from skindose.folder import write_result
from skindose.model import Procedure
from skindose.pipeline import compute
from skindose.pool import end_with_parent


@dataclass(frozen=True)
class Outcome:
    """What became of one input (or of one study's inputs): its folder and summary, or the error.

    notes   what the caller should know of the files and the folder: copies, a former result that was replaced
    """

    name: str
    folder: Path | None = None
    summary: dict[str, Any] | None = None
    error: SkindoseError | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Job:
    paths: tuple[Path, ...]
    folder: Path
    settings: Settings
    notes: tuple[str, ...] = ()
    unread: int = 0  # files of a merge that could not be read and may have belonged to this study


def run_files(
    files: Sequence[Path], out: Path, settings: Settings, *, merge: bool = False, jobs: int = 1
) -> Iterator[Outcome]:
    """Process the files into folders under `out`; yields an outcome for each as it is done.

    merge    files of one study are one procedure
    raises   OutputError when `out` itself cannot be made or written
    """
    _make_out(out)
    planned, failed = _plan(list(files), out, settings, merge)
    yield from failed
    yield from _with_copies(_done(planned, jobs))


def _done(planned: list[_Job], jobs: int) -> Iterator[Outcome]:
    if jobs <= 1 or len(planned) <= 1:
        yield from map(_do, planned)
        return
    pool = ProcessPoolExecutor(min(jobs, len(planned)), initializer=end_with_parent)
    try:
        futures = {pool.submit(_do, job): job for job in planned}
        for future in as_completed(futures):
            try:
                yield future.result()
            except Exception as error:  # a worker that was killed must not take the other files with it
                yield Outcome(futures[future].paths[0].name, error=unforeseen(error, KEEP_FILE))
    finally:
        pool.shutdown(cancel_futures=True)  # who stops the program does not wait for the files not yet begun


def _make_out(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot make the output folder: {reason(error)}", str(out), "Choose another --out."
        ) from None
    if not os.access(out, os.W_OK | os.X_OK):
        raise OutputError("the output folder cannot be written", str(out), "Choose another --out or mend its rights.")


def _with_copies(outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
    """Each outcome, with a note where another file of this call has the same bytes: its dose must not count twice."""
    seen: dict[str, str] = {}
    for outcome in outcomes:
        inputs = outcome.summary["inputs"] if outcome.summary else []
        others = sorted({seen[one["sha256"]] for one in inputs if one["sha256"] in seen})
        for one in inputs:
            seen.setdefault(one["sha256"], one["file"])
        note = f"has the same bytes as {', '.join(others)}: one procedure, not two"
        yield replace(outcome, notes=(*outcome.notes, note)) if others else outcome


def _plan(files: list[Path], out: Path, settings: Settings, merge: bool) -> tuple[list[_Job], list[Outcome]]:
    """Which files make which folder. Merging has to read the files once to know their study."""
    given = Counter(path.absolute() for path in files)
    unique = list({path.absolute(): path for path in files}.values())
    groups, failed = _studies(unique) if merge else ([(path,) for path in unique], [])
    notes = _apart(len(groups)) if merge and len(groups) > 1 else ()
    stems = [_stem(group[0]) for group in groups]
    count = Counter(stem.casefold() for stem in stems)
    jobs: dict[Path, _Job] = {}
    copies: Counter[Path] = Counter()
    for stem, group in zip(stems, groups, strict=True):
        folder = out / (stem if count[stem.casefold()] == 1 else f"{stem}-{_short_digest(group[0])}")
        copies[folder] += max(given[path.absolute()] for path in group)
        # The same bytes under the same name are one input.
        jobs[folder] = _Job(group, folder, settings, notes, len(failed))
    planned = [replace(job, notes=(*_repeated(copies[folder]), *job.notes)) for folder, job in jobs.items()]
    return planned, failed


def _apart(studies: int) -> tuple[str, ...]:
    return (f"--merge joins files of one study only; these files are of {studies} studies, which are not added up",)


def _repeated(times: int) -> tuple[str, ...]:
    return (f"given {times} times (same name, same bytes), processed once",) if times > 1 else ()


def _studies(files: list[Path]) -> tuple[list[tuple[Path, ...]], list[Outcome]]:
    groups: dict[str, list[Path]] = {}
    failed: list[Outcome] = []
    for path in files:
        try:
            study = rdsr.read(path).header.study_instance_uid
        except SkindoseError as error:
            failed.append(Outcome(path.name, error=error.at(path.name)))
            continue
        groups.setdefault(study or str(path), []).append(path)
    return [tuple(group) for group in groups.values()], failed


def _stem(path: Path) -> str:
    name = path.name
    stem = name[:-4] if name.lower().endswith(".dcm") else name
    return stem if stem.strip(". ") else "input"


def _short_digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    except OSError:
        return hashlib.sha256(os.fsencode(path)).hexdigest()[:8]  # unreadable: the reading will say so


def _do(job: _Job) -> Outcome:
    name = ", ".join(path.name or str(path) for path in job.paths)
    try:
        result = compute(_read(job), job.settings)
        written = write_result(result, job.folder)
    except SkindoseError as error:
        return Outcome(name, error=error.at(name))
    except MemoryError:
        return Outcome(name, error=InputError(NO_MEMORY, name, "Run fewer --jobs, or a coarser phantom."))
    except Exception as error:  # a traceback never reaches a user, and the other files go on
        return Outcome(name, error=unforeseen(error, KEEP_FILE).at(name))
    copies = len(job.paths) - len(result.procedure.inputs)
    told = (
        (f"{copies} of the {len(job.paths)} files are copies of another (same bytes), counted once",) if copies else ()
    )
    return Outcome(name, job.folder, written.facts, notes=(*job.notes, *told, *written.replaced))


def _read(job: _Job) -> Procedure:
    procedures = [rdsr.read(path) for path in job.paths]
    joined = procedures[0] if len(procedures) == 1 else rdsr.merge(procedures)[0]
    if not job.unread:
        return joined
    lacks = (
        f"{job.unread} of the files to be merged could not be read: if they are of this study, its dose is incomplete."
    )
    return replace(joined, warnings=(lacks, *joined.warnings))
