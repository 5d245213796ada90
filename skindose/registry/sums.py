"""Sums of a patient's procedures: which are due, what is stored of them, which one holds.

A sum belongs to the procedure that its window ends with. It holds the current results of that patient's procedures
within so many days before it, those of the same day and those without a date included. It is due where the newest one
that is stored was made of other results. Exposures marked as tests, and studies whose reports name different patients,
are in none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import date as calendar_date
from typing import Any, NamedTuple

from django.db.models import Count, Exists, OuterRef, Q, Subquery

from skindose import __version__
from skindose.registry import audit
from skindose.registry.audit import Entry, canonical, now
from skindose.registry.guard import guarded
from skindose.registry.models import Computation, Procedure, Report, Sum, SumFinding
from skindose.registry.reading import content
from skindose.registry.records import AddedUp, Registry, Stored
from skindose.registry.store import keep

WATCHED_MGY = 3000.0  # skin that ever got so much is watched for life

Hook = Callable[[Entry, Sum], None]
"""What else is written in the transaction of a new sum: alerts and their mails."""


class Member(NamedTuple):
    """A procedure of a patient with its current result."""

    procedure: int
    case_number: str
    date: str
    computation: int
    peak_mgy: float | None


class Due(NamedTuple):
    """A sum that must be made.

    computation    its current result
    window_days    None: the lifetime
    computations   that go in, sorted
    left_out       case numbers of the patient's studies whose reports name different patients
    """

    procedure: int
    case_number: str
    computation: int
    window_days: int | None
    computations: tuple[int, ...]
    left_out: tuple[str, ...]


# --- Which are due


def due(windows: Iterable[int], lifetime: bool) -> list[list[Due]]:
    """Sums that are missing or of other results than those that hold now, patient by patient.

    windows    days
    lifetime   one over all procedures too; else only where one of those before gave a place 3 Gy or more
    raises     RegistryError
    """
    asked: list[int | None] = [*sorted(set(windows))]
    with guarded():
        members, mixed = _members()
        there = _there()
    found = []
    for patient, own in members.items():
        left_out = tuple(mixed.get(patient, ()))
        wanted = [
            Due(one.procedure, one.case_number, one.computation, days, parts, left_out)
            for one in own
            for days in _windows(one, own, asked, lifetime)
            if (parts := _within(one, own, days)) != there.get((one.procedure, days), (one.computation,))
        ]
        found += [wanted] if wanted else []
    return found


def _members(patient: int | None = None) -> tuple[dict[int, list[Member]], dict[int, list[str]]]:
    """Patient -> procedures that count, and case numbers of mixed-up ones; of one patient, else of all with several."""
    newest = Computation.objects.filter(procedure=OuterRef("pk")).order_by("-version")
    counting = Report.objects.filter(procedure=OuterRef("pk"), retracted=False)
    several = Procedure.objects.exclude(patient=None).values("patient").annotate(n=Count("pk")).filter(n__gt=1)
    those = Q(patient__in=several.values("patient")) if patient is None else Q(patient=patient)
    rows = (
        Procedure.objects.filter(those, Exists(counting), purpose="patient")
        .annotate(
            made=Subquery(newest.values("pk")[:1]),
            peak=Subquery(newest.values("peak_skin_dose_mgy")[:1]),
            mixed=Exists(counting.exclude(patient=OuterRef("patient"))),
        )
        .order_by("study_date", "study")
        .values_list("patient", "pk", "case_number", "study_date", "made", "peak", "mixed")
    )
    members: dict[int, list[Member]] = {}
    mixed: dict[int, list[str]] = {}
    for whose, pk, number, date, made, peak, is_mixed in rows:
        if is_mixed:
            mixed.setdefault(whose, []).append(number)
        elif made is not None:
            members.setdefault(whose, []).append(Member(pk, number, _iso(date), made, peak))
    return members, mixed


def _there() -> dict[tuple[int, int | None], tuple[int, ...]]:
    """(procedure, window) -> what the newest sum was made of."""
    rows = Sum.objects.order_by("pk").values_list("procedure_id", "window_days", "parts")
    return {(procedure, days): tuple(json.loads(parts)) for procedure, days, parts in rows}


def _windows(one: Member, own: Sequence[Member], asked: Sequence[int | None], lifetime: bool) -> tuple[int | None, ...]:
    watched = lifetime or any((other.peak_mgy or 0.0) >= WATCHED_MGY for other in _earlier(one, own))
    return (*asked, None) if watched else tuple(asked)


def _earlier(one: Member, own: Sequence[Member]) -> list[Member]:
    """The patient's other procedures that are not known to be later."""
    return [other for other in own if other != one and (not one.date or not other.date or other.date <= one.date)]


def _within(one: Member, own: Sequence[Member], days: int | None) -> tuple[int, ...]:
    """Computations that go into a sum. One without a date counts in every window, and its own ends with the newest."""
    end = one.date or max(other.date for other in own)
    others = [other for other in _earlier(one, own) if days is None or _days(other.date, end) <= days]
    return tuple(sorted(member.computation for member in (one, *others)))


def _iso(text: str) -> str:
    """The date where it is one, else ""."""
    try:
        return calendar_date.fromisoformat(text).isoformat()
    except ValueError:
        return ""


def _days(first: str, last: str) -> int:
    return (calendar_date.fromisoformat(last) - calendar_date.fromisoformat(first)).days if first and last else 0


# --- What is stored


def stored(computations: Iterable[int]) -> dict[int, Stored]:
    """The results of these keys, as bytes.

    raises   RegistryError where one is damaged
    """
    with guarded():
        rows = list(Computation.objects.select_related("procedure").filter(pk__in=list(computations)))
    return {
        row.pk: Stored(
            row.procedure.case_number,
            content(row.result_id),
            content(row.case_id),
            content(row.skin_id) if row.skin_id else None,
        )
        for row in rows
    }


def put(registry: Registry, one: Due, made: AddedUp) -> int | None:
    """Store a sum with its findings and alerts; None where somebody else did meanwhile, or its results hold no more.

    raises   RegistryError
    """
    parts = canonical(list(one.computations))
    with audit.writing(registry.key_of("audit"), registry.who, "procedures added") as entry:
        former = Sum.objects.filter(procedure_id=one.procedure, window_days=one.window_days).order_by("-pk").first()
        if (former and former.parts == parts) or not _hold(one.computations):
            return None
        peak = made.document["peak"]
        row = entry.add(
            Sum(
                procedure_id=one.procedure,
                window_days=one.window_days,
                version=former.version + 1 if former else 1,
                made_at=now(),
                software=__version__,
                parts=parts,
                document=keep(entry, "sum", canonical(made.document).encode()),
                map=keep(entry, "summap", made.map) if made.map else None,
                peak_skin_dose_mgy=peak["skin_dose_mgy"] if peak else None,
            )
        )
        for said in made.findings:
            names = {name: said[name] for name in ("rule", "quantity", "fired")}
            entry.add(SumFinding(sum=row, document=canonical(said), **names))
        if registry.summed is not None:
            registry.summed(entry, row)
        entry.details |= {"procedure": one.case_number, "window_days": one.window_days, "version": row.version}
        return int(row.version)


def _hold(computations: Sequence[int]) -> bool:
    """Whether each is still its procedure's newest."""
    newer = Computation.objects.filter(procedure=OuterRef("procedure"), version__gt=OuterRef("version"))
    return bool(Computation.objects.filter(Exists(newer), pk__in=computations).count() == 0)


# --- What holds


def current(procedure: int) -> list[dict[str, Any]]:
    """The sums of a procedure that hold, one for each window, the shortest first and the lifetime last.

    `document` is cumulative.json, `findings` are as in result.json, `parts` the keys of the computations
    raises   RegistryError
    """
    with guarded():
        rows = {row.window_days: row for row in Sum.objects.filter(procedure_id=procedure).order_by("pk")}
        ordered = sorted(rows.values(), key=lambda row: (row.window_days is None, row.window_days or 0))
        return [_shown(row) for row in ordered]


def of(key: int) -> dict[str, Any]:
    """One sum, as `current` has it."""
    with guarded():
        return _shown(Sum.objects.get(pk=key))


def _shown(row: Sum) -> dict[str, Any]:
    said = SumFinding.objects.filter(sum=row).order_by("pk").values_list("document", flat=True)
    return {
        "window_days": row.window_days,
        "version": row.version,
        "made_at": row.made_at.isoformat(timespec="seconds"),
        "software": row.software,
        "parts": json.loads(row.parts),
        "document": json.loads(content(row.document_id)),
        "findings": [json.loads(one) for one in said],
        "map": row.map_id,
    }


class Known(NamedTuple):
    """What is known of a procedure's patient before it.

    nearest_days   how long before the last one was, 0 where the day of one is not known; None: he had none
    highest_mgy    peak of one of those, where it is one that is watched for life
    sums           those of `current` that are of the results that hold now
    """

    nearest_days: int | None
    highest_mgy: float | None
    sums: list[dict[str, Any]]


def known(procedure: int) -> Known | None:
    """None: nobody knows the patient, or he was mixed up.

    raises   RegistryError
    """
    with guarded():
        row = Procedure.objects.get(pk=procedure)
        if row.patient_id is None or row.purpose == "test":
            return None
        members, mixed = _members(row.patient_id)
    own = members.get(row.patient_id, [])
    one = next((member for member in own if member.procedure == procedure), None)
    if one is None or row.case_number in mixed.get(row.patient_id, ()):
        return None
    earlier = _earlier(one, own)
    highest = max((other.peak_mgy or 0.0 for other in earlier), default=0.0)
    nearest = min((_days(other.date, one.date) for other in earlier), default=None)
    holding = [each for each in current(procedure) if tuple(each["parts"]) == _within(one, own, each["window_days"])]
    return Known(nearest, highest if highest >= WATCHED_MGY else None, holding)
