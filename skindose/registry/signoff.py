"""Sign-off: a named physicist reviewed the map of one version of a result. A newer version is unsigned again."""

from __future__ import annotations

from typing import Any

from django.db.models import Min, OuterRef, Q, Subquery

from skindose.errors import RegistryError
from skindose.registry import audit
from skindose.registry.guard import guarded
from skindose.registry.models import Alert, Computation, Finding, Procedure, Signoff, lengthy
from skindose.registry.records import Registry
from skindose.registry.signing import plain


def sign(
    registry: Registry, procedure: int, version: int | None, who: tuple[str, str], note: str = ""
) -> tuple[int, bool]:
    """Record that somebody reviewed a version, by default the current one; (version, False where he did already).

    who      name and role
    raises   SettingsError for what is no name or role; RegistryError where there is no such version
    """
    by, role = plain(who[0], "--by"), plain(who[1], "--role")
    with audit.writing(registry.key_of("audit"), registry.who, "result reviewed") as entry:
        rows = Computation.objects.filter(procedure_id=procedure).order_by("-version")
        row = (rows if version is None else rows.filter(version=version)).first()
        if row is None:
            raise RegistryError("there is no such result", "registry", "`skindose registry show` has the versions.")
        number = row.procedure.case_number
        if Signoff.objects.filter(computation=row, by=by, role=role).exists():
            return int(row.version), False
        entry.add(Signoff(computation=row, by=by, role=role, note=lengthy(note.strip()), at=audit.now()))
        entry.details |= {"procedure": number, "version": row.version, "by": by, "role": role}
    return int(row.version), True


def of_procedure(procedure: int) -> dict[int, list[dict[str, Any]]]:
    """Who reviewed which version: by, role, on and note, first signed first.

    raises   RegistryError
    """
    found: dict[int, list[dict[str, Any]]] = {}
    with guarded():
        rows = Signoff.objects.filter(computation__procedure_id=procedure).select_related("computation").order_by("pk")
        for row in rows:
            on = row.at.date().isoformat()
            said = {"by": row.by, "role": row.role, "on": on, "note": row.note or None}
            found.setdefault(row.computation.version, []).append(said)
    return found


def document(procedure: int, version: int) -> dict[str, Any]:
    """What an exported version says of its review: `signed` by whom, else `former`, the last version that is."""
    known = of_procedure(procedure)
    others = sorted(number for number in known if number != version)
    former = {"version": others[-1], **known[others[-1]][-1]} if others else None
    return {"version": version, "signed": known.get(version, []), "former": former}


def pending() -> list[dict[str, Any]]:
    """Cases that alerted, or in which something fired, and whose current result nobody reviewed, the oldest first.

    since    when the first result was made that nobody reviewed; by the rules the review is due 5 working days later
    raises   RegistryError
    """
    own = Computation.objects.filter(procedure=OuterRef("pk")).order_by("-version")
    reviewed = Signoff.objects.filter(computation__procedure=OuterRef("pk")).order_by("-computation__version")
    with guarded():
        rows = Procedure.objects.filter(purpose="patient").annotate(
            newest=Subquery(own.values("pk")[:1]),
            version=Subquery(own.values("version")[:1]),
            peak=Subquery(own.values("peak_skin_dose_mgy")[:1]),
            signed=Subquery(reviewed.values("computation__version")[:1]),
        )
        fired = Finding.objects.filter(fired=True).values("computation_id")
        rows = rows.exclude(newest=None).filter(Q(newest__in=fired) | Q(pk__in=Alert.objects.values("procedure_id")))
        waiting = [row for row in rows if row.signed != row.version]
        found = [
            {
                "case": row.case_number,
                "version": row.version,
                "peak_skin_dose_mgy": row.peak,
                "reviewed_version": row.signed,
                "since": _since(row.pk, row.signed or 0).isoformat(timespec="seconds"),
            }
            for row in waiting
        ]
    return sorted(found, key=lambda one: (one["since"], one["case"]))


def _since(procedure: int, reviewed: int) -> Any:
    later = Computation.objects.filter(procedure_id=procedure, version__gt=reviewed)
    return later.aggregate(first=Min("made_at"))["first"]
