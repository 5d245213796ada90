"""Sums of a patient's procedures in the registry: made whenever their results changed, out of the stored cases.

All sums of one patient that are due are one task of the pool: each of his procedures is opened once, and cast once on
each body. A worker gets bytes and gives back what is stored.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skindose import __version__, cumulative, dryrun
from skindose.cumulative import Cumulative, Part
from skindose.errors import DamagedError, InputError, SkindoseError, unforeseen
from skindose.pool import Pool
from skindose.registry import Registry
from skindose.registry.packing import pack_map, skin_digest
from skindose.registry.records import AddedUp, Stored, open_case
from skindose.report import cumulative as report
from skindose.report.summary import trigger
from skindose.site import Site
from skindose.triggers import RuleSet

if TYPE_CHECKING:
    from skindose.registry.sums import Due

ONE_PATIENT = "Of one patient by number and issuer, as the reports state them."
ELSEWHERE = "another program makes it"
_PATIENTS = 8  # whose results are held at once


class Followed(NamedTuple):
    """What became of a sum that was due.

    reason   why it was not made; "" where it was
    """

    case_number: str
    seconds: float
    reason: str = ""


class _Wanted(NamedTuple):
    """A sum, as a worker is told."""

    leading: int
    window_days: int | None
    computations: tuple[int, ...]
    notes: tuple[str, ...]


def follow(registry: Registry, rules: RuleSet, site: Site, pool: Pool) -> Iterator[Followed]:
    """Make every sum that is due, with its findings and alerts; done again, or after a kill, only what is missing.

    raises   RegistryError
    """
    from skindose.registry import claims, sums

    due = _untried(sums.due(windows(rules, site), site.cumulative_lifetime))
    for first in range(0, len(due), _PATIENTS):
        patients = {f"sums of {own[0].procedure}": own for own in due[first : first + _PATIENTS]}
        mine = claims.claim(registry, patients)
        yield from (Followed(own[0].case_number, 0.0, ELSEWHERE) for name, own in patients.items() if name not in mine)
        try:
            yield from _make(registry, {name: own for name, own in patients.items() if name in mine}, rules, pool)
        finally:
            claims.release(registry, mine)


def _untried(due: Iterable[list[Due]]) -> list[list[Due]]:
    """Without those of the same results that this program could not make."""
    from skindose.registry import reading

    keys = {_key(one): one for own in due for one in own}
    failed = reading.failed(keys)
    left = [[one for one in own if _key(one) not in failed] for own in due]
    return [own for own in left if own]


def _key(one: Due) -> str:
    """What a try is noted by."""
    parts = ",".join(map(str, one.computations))
    return hashlib.sha256(f"sum {__version__} {one.procedure} {one.window_days} {parts}".encode()).hexdigest()


def windows(rules: RuleSet, site: Site) -> set[int]:
    """The windows that sums are made of, in days: the site's, and those that rules name."""
    return {site.cumulative_window_days, *(rule.window_days for rule in rules.rules if rule.window_days)}


def _make(registry: Registry, patients: Mapping[str, Sequence[Due]], rules: RuleSet, pool: Pool) -> Iterator[Followed]:
    from skindose.registry import store, sums

    tasks = {}
    for name, own in patients.items():
        try:
            stored = sums.stored({pk for one in own for pk in one.computations})
        except DamagedError as error:
            yield from (_failed(registry, one, error) for one in own)
        else:
            tasks[name] = ([_wanted(one) for one in own], stored, rules)
    for name, made in pool.run(_work, tasks):
        each = [(made, 0.0)] * len(patients[name]) if isinstance(made, SkindoseError) else made
        for one, (added, seconds) in zip(patients[name], each, strict=True):
            if isinstance(added, SkindoseError):
                yield _failed(registry, one, added, seconds)
            elif sums.put(registry, one, added) is not None:
                store.settle(registry, _key(one), _named(one))
                yield Followed(one.case_number, seconds)


def _failed(registry: Registry, one: Due, error: SkindoseError, seconds: float = 0.0) -> Followed:
    from skindose.registry import store

    store.quarantine(registry, _key(one), _named(one), error.what, error.remedy)
    return Followed(one.case_number, seconds, error.what)


def _named(one: Due) -> str:
    """What it is called in the quarantine list: one that is made settles what was noted of former results."""
    window = "over the lifetime" if one.window_days is None else f"within {one.window_days} days"
    return f"sum of {one.case_number} {window}"


def _wanted(one: Due) -> _Wanted:
    mixed = ", ".join(one.left_out)
    notes = (f"left out, since reports of one study name different patients: {mixed}; look at it",) if mixed else ()
    return _Wanted(one.computation, one.window_days, one.computations, notes)


def again(procedure: int) -> tuple[dict[str, Any], Cumulative]:
    """The sum of a procedure's longest window: its document as it is stored, and the sum made again for its picture.

    raises   RegistryError, InputError
    """
    from skindose.registry import sums

    kept = max(sums.current(procedure), key=lambda one: len(one["parts"]))
    parts = [open_part(one) for one in sums.stored(kept["parts"]).values()]
    return kept["document"], cumulative.add(parts, kept["window_days"], same_patient=True)


# --- In the worker


def _work(
    wanted: Sequence[_Wanted], stored: Mapping[int, Stored], rules: RuleSet
) -> list[tuple[AddedUp | SkindoseError, float]]:
    """The sums of one patient."""
    parts: dict[int, Part] = {}
    made: dict[Any, Any] = {}
    former: dict[tuple[int, ...], Cumulative] = {}
    found: list[tuple[AddedUp | SkindoseError, float]] = []
    for one in wanted:
        start = time.perf_counter()
        try:
            same = former.get(one.computations)
            summed = cumulative.within(same, one.window_days) if same else None
            if summed is None:
                parts |= {key: open_part(stored[key]) for key in one.computations if key not in parts}
                own = [parts[key] for key in one.computations]
                summed = cumulative.add(own, one.window_days, same_patient=True, made=made)
            former[one.computations] = summed
            added: AddedUp | SkindoseError = _added(one, summed, json.loads(stored[one.leading].facts), rules)
        except SkindoseError as error:
            added = error
        except Exception as error:  # one patient's trouble is not the others'
            added = SkindoseError(f"procedures cannot be added: {unforeseen(error).what}")
        found.append((added, time.perf_counter() - start))
    return found


def open_part(stored: Stored) -> Part:
    """A stored result as the sum takes it; without its case where this version cannot read that."""
    facts = json.loads(stored.facts)
    try:
        case, body = open_case(stored.case, stored.skin)
    except InputError:
        return cumulative.part_of_facts(stored.case_number, facts)
    if body is None:
        return cumulative.part_of_facts(stored.case_number, facts)
    return cumulative.part_of_case(stored.case_number, case)


def _added(wanted: _Wanted, found: Cumulative, facts: Mapping[str, Any], rules: RuleSet) -> AddedUp:
    """facts   result.json of the procedure that the window ends with"""
    document = report.to_dict(found)
    said = [note for note in document["notes"] if note != report.NOBODY_CHECKED]
    document["notes"] = [*wanted.notes, *said, ONE_PATIENT]
    packed = pack_map(found.dose_mgy, np.zeros_like(found.dose_mgy), skin_digest(found.body)) if found.peak else None
    return AddedUp(document, packed, _findings(wanted.window_days, found, facts, rules))


def _findings(
    window_days: int | None, found: Cumulative, facts: Mapping[str, Any], rules: RuleSet
) -> tuple[dict[str, Any], ...]:
    """What the rules say that count earlier procedures within just so many days."""
    counting = tuple(rule for rule in rules.rules if window_days and rule.window_days == window_days)
    if not counting:
        return ()
    context = replace(dryrun.context(facts), counted_days=window_days or 0)
    said = cumulative.judged(found, rules.model_copy(update={"rules": counting}), context)
    count = len(found.procedures)
    words = f"{count} procedure{'s' if count > 1 else ''} within {window_days} days added up"
    return tuple(trigger(replace(one, note="; ".join(filter(None, (words, one.note))))) for one in said.findings)
