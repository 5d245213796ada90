"""A result made again: because its reports were joined, because what it depends on changed, or because it is corrected.

From the stored case wherever the events stay what they are; the reports are read again only where another machine
profile, region, corrected value or reader makes other events of them. A result that cannot be made again keeps the
former one current, stands in the quarantine list, and is not tried again until something changes or somebody asks.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from skindose import case as cases
from skindose import corrected, dependence, normalise, rdsr
from skindose.case import Case, Revision
from skindose.corrected import Correction
from skindose.dependence import Configuration, Standing, Task
from skindose.errors import DamagedError, SkindoseError, in_words
from skindose.model import Result
from skindose.pipeline import compute_case
from skindose.prepare import again, prepare
from skindose.registry import Computed, Current, Registry, computed
from skindose.report.summary import summary

if TYPE_CHECKING:
    from skindose.pool import Pool

_CHUNK = 32  # results that are claimed together, and of which the cases are held at once


@dataclass(frozen=True)
class Source:
    """What a result is made of: the stored case, or else the reports.

    made          what the stored case was made with
    corrections   that hold
    number        the case's
    """

    why: str
    number: str
    corrections: tuple[Correction, ...] = ()
    case: bytes | None = None
    made: Configuration | None = None
    reports: tuple[bytes, ...] = ()


class Outdated(NamedTuple):
    """A current result that would now come out otherwise.

    reasons   by the names of `dependence.WORDS`
    now       what it would be made with
    """

    procedure: int
    case_number: str
    reasons: frozenset[str]
    key: str


class Made(NamedTuple):
    """What came of a try."""

    result: Computed | None
    error: SkindoseError | None
    seconds: float = 0.0


class Done(NamedTuple):
    """What became of a result that was outdated.

    what   "recomputed", "failed", or "elsewhere" (another program did it, or something new came in meanwhile)
    """

    what: str
    case_number: str
    seconds: float = 0.0
    reason: str = ""


# --- What is outdated


def outdated(how: Task) -> list[Outdated]:
    """Every current result that would now come out otherwise; those whose reports changed are joined elsewhere.

    Reads the configurations only: two seconds for 10,000 results.
    raises   RegistryError; SettingsError for a mistake in a profile or record
    """
    from skindose.registry import corrections, reading

    holding, to_join = corrections.active_of(), set(reading.outdated(None))
    found, standing = [], dependence.standing(how)
    for one in reading.current():
        if one.procedure in to_join:
            continue
        own = holding.get(one.procedure, ())
        now = _now(how, standing, one, own)
        if reasons := dependence.differences(one.configuration, now):
            found.append(Outdated(one.procedure, one.case_number, reasons, _key(one.case_number, now)))
    return found


def _now(how: Task, standing: Standing, one: Current, own: Sequence[Correction]) -> dict[str, Any]:
    device = one.configuration.get("device") or dependence.NO_DEVICE
    keys = [each.key for each in own]
    try:
        settings = corrected.applied(how.settings, own)
    except SkindoseError:  # told when it is tried
        settings = how.settings
    return dependence.configuration(standing, settings, device, keys)


def _key(case_number: str, now: Configuration) -> str:
    """What a try is noted by: the same try is not made again."""
    return hashlib.sha256(f"{case_number} {json.dumps(now, sort_keys=True)}".encode()).hexdigest()


def due(found: Sequence[Outdated], asked: bool) -> list[Outdated]:
    """Those that are computed again now.

    asked   all of them; else those that are done without being asked and did not fail before
    raises  RegistryError
    """
    from skindose.registry import reading

    if asked:
        return list(found)
    wanted = [one for one in found if dependence.by_itself(one.reasons)]
    failed = reading.failed(one.key for one in wanted)
    return [one for one in wanted if one.key not in failed]


def told(found: Sequence[Outdated], doing: Sequence[Outdated]) -> str:
    """How many results are outdated, and what is different; one line, "" for none."""
    if not found:
        return ""
    counts = Counter(dependence.words(one.reasons) for one in found)
    with_what = "; ".join(f"{count} with {text}" for text, count in counts.most_common())
    one = len(found) == 1
    said = f"{len(found)} result{' is' if one else 's are'} outdated ({with_what} than now)"
    left = len(found) - len(doing)
    if not left:
        return f"{said}: computed again now."
    return f"{said}: {len(doing)} computed again now, {left} with `skindose batch --recompute`."


# --- Doing it


def run(registry: Registry, found: Sequence[Outdated], how: Task, pool: Pool) -> Iterator[Done]:
    """Make these results again; each is a transaction of its own, so that a kill loses none that is done.

    raises   RegistryError when the registry cannot be written
    """
    from skindose.registry import claims

    waiting = iter(found)
    while chunk := list(islice(waiting, _CHUNK)):
        names = {f"recompute {one.case_number}": one for one in chunk}
        mine = claims.claim(registry, names)
        yield from (Done("elsewhere", one.case_number) for name, one in names.items() if name not in mine)
        try:
            wanted = {one.procedure: one for name, one in names.items() if name in mine}
            yield from _round(registry, wanted, how, pool)
        finally:
            claims.release(registry, mine)


def _round(registry: Registry, wanted: dict[int, Outdated], how: Task, pool: Pool) -> Iterator[Done]:
    from skindose.registry import corrections, reading

    holding = corrections.active_of(wanted)
    jobs: dict[str, tuple[Source, Task]] = {}
    standing = dependence.standing(how)
    for now in reading.current(wanted):
        own = holding.get(now.procedure, ())
        would = _now(how, standing, now, own)
        reasons = dependence.differences(now.configuration, would)
        if reasons:
            why = f"recomputed: {dependence.words(reasons)}"
            try:
                of = source(now, own, why, dependence.same_events(now.configuration, would))
            except DamagedError as error:
                yield _kept(registry, wanted[now.procedure], Made(None, error))
                continue
            jobs[str(now.procedure)] = (of, how)
        else:  # another program did it, between looking and claiming
            yield Done("elsewhere", now.case_number)
    for name, work in pool.run(make, jobs):
        yield _kept(registry, wanted[int(name)], work if isinstance(work, Made) else Made(None, work))


def _kept(registry: Registry, one: Outdated, made: Made) -> Done:
    """Store what was made, or note why nothing was."""
    from skindose.registry import store

    if made.result is None:
        error = made.error or SkindoseError("unknown reason")
        store.quarantine(registry, one.key, one.case_number, error.what, error.remedy)
        return Done("failed", one.case_number, made.seconds, error.what)
    if store.put(registry, one.procedure, made.result) is None:
        return Done("elsewhere", one.case_number, made.seconds)  # something came in meanwhile; next time
    store.settle(registry, one.key, one.case_number)
    return Done("recomputed", one.case_number, made.seconds)


def source(one: Current, own: tuple[Correction, ...], why: str, from_case: bool) -> Source:
    """What to make a current result again of.

    raises   RegistryError
    """
    from skindose.registry import reading

    if from_case:
        return Source(why, one.case_number, own, case=reading.content(one.case), made=one.configuration)
    return Source(why, one.case_number, own, reports=tuple(reading.counting(one.procedure)))


def joined(procedure: int, why: str) -> Source:
    """What to make a result of, of a procedure whose reports changed.

    raises   RegistryError
    """
    from skindose.registry import corrections, reading

    number, own = reading.case_number(procedure), corrections.active(procedure)
    return Source(why, number, own, reports=tuple(reading.counting(procedure)))


# --- In the worker


def make(of: Source, how: Task) -> Made:
    """Make a result, from the stored case or from reports; nothing is raised."""
    start = time.perf_counter()
    try:
        result, configuration = _make(of, how)
        records = dependence.kept_records(how.settings, configuration)
        made = computed(result, summary(result), configuration, of.why, records)
        return Made(made, None, time.perf_counter() - start)
    except Exception as error:  # one case's trouble is not the others'
        return Made(None, in_words(error, "Report it to the makers."), time.perf_counter() - start)


def _make(of: Source, how: Task) -> tuple[Result, dict[str, Any]]:
    keys, standing = [each.key for each in of.corrections], dependence.standing(how)
    if of.case is not None and of.made is not None:
        case = cases.from_bytes(of.case, {})
        settings = corrected.applied(how.settings, of.corrections, corrected.event_keys(case.events))
        device = of.made["device"]
        case = again(case, settings, how.rules)
    else:
        case, device = _from_reports(of, how)
    asked = corrected.applied(how.settings, of.corrections)
    case = replace(case, revises=revision(of.corrections, of.number))
    return compute_case(case), dependence.configuration(standing, asked, device, keys)


def _from_reports(of: Source, how: Task) -> tuple[Case, dict[str, Any]]:
    names = [f"{hashlib.sha256(data).hexdigest()[:16]}.dcm" for data in of.reports]
    procedures = [rdsr.read_bytes(data, name) for data, name in zip(of.reports, names, strict=True)]
    procedure = rdsr.merge(procedures)[0]
    settings = how.settings
    if of.corrections:
        plain = settings.model_copy(update={"correct": ()})
        keys = corrected.event_keys(normalise.normalise(procedure, plain))
        settings = corrected.applied(settings, of.corrections, keys)
    return prepare(procedure, settings, how.rules), dependence.device(procedure)


def revision(corrections: Sequence[Correction], number: str) -> Revision | None:
    """What a corrected result says of itself."""
    if not corrections:
        return None
    said = "; ".join(dict.fromkeys(one.reason for one in corrections))
    by = ", ".join(dict.fromkeys(one.by for one in corrections))
    return Revision(number, corrections[-1].of, by, said)
