"""Writing: every function is one transaction with its row of the audit trail; done again it changes nothing."""

from __future__ import annotations

import hashlib
import json
import secrets
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.db.models import Q

from skindose import __version__
from skindose.errors import RegistryError
from skindose.model import Header
from skindose.registry import audit, home
from skindose.registry.audit import Entry, canonical, now
from skindose.registry.guard import guarded
from skindose.registry.models import (
    Blob,
    Calibration,
    Computation,
    Correction,
    Finding,
    Identifier,
    Machine,
    Patient,
    Procedure,
    Quarantined,
    Report,
    RuleSet,
    lengthy,
    short,
)
from skindose.registry.records import Computed, Incoming, Received, Registry

_LOOKED_AT = "looked at by"  # instead of a remedy: the file does not come back for the same reason

Hook = Callable[[Entry, Computation], None]
"""What else is written in the transaction of a new result: alerts and their mails."""


def receive(
    registry: Registry, incoming: Incoming, result: Computed | None = None, hook: Hook | None = None
) -> Received:
    """Keep a report byte for byte, and its result with it where it is the procedure's only one.

    result   made of this report alone; not stored where the procedure has others, which it must be joined with, or
             corrections
    raises   RegistryError
    """
    with audit.writing(registry.key_of("audit"), registry.who, "report received") as entry:
        known = Report.objects.filter(blob_id=incoming.sha256).select_related("procedure").first()
        if known is None:
            known, notes = _new_report(registry, entry, incoming)
            new = True
        else:
            notes, new = (), False
        procedure = known.procedure
        current = result is not None and _holds(procedure, result)
        if result is not None and current:
            _put(entry, procedure, result, hook or registry.hook)
        entry.details |= {"procedure": procedure.case_number}
    return Received(procedure.pk, procedure.case_number, new, notes, current)


def put(
    registry: Registry,
    procedure: int,
    result: Computed,
    hook: Hook | None = None,
    first: Callable[[Entry, Procedure], None] | None = None,
) -> int | None:
    """Add a result to a procedure's history; returns its version.

    None: reports or corrections of the procedure are no longer those that it was made of; compute it again. Then
    nothing at all is written. The same result again adds nothing and returns the version that is there.
    first    what else is written with it: the correction that it was made for
    raises   RegistryError
    """
    try:
        return _put_whole(registry, procedure, result, hook, first)
    except _OvertakenError:
        return None


class _OvertakenError(Exception):
    """Something else was written since the result was begun."""


def _put_whole(
    registry: Registry,
    procedure: int,
    result: Computed,
    hook: Hook | None,
    first: Callable[[Entry, Procedure], None] | None,
) -> int:
    with audit.writing(registry.key_of("audit"), registry.who, short(f"result stored: {result.why}")) as entry:
        row = Procedure.objects.get(pk=procedure)
        if first is not None:
            first(entry, row)
        if not _holds(row, result):
            raise _OvertakenError
        version = _put(entry, row, result, hook or registry.hook)
        entry.details |= {"procedure": row.case_number, "version": version}
    return version


def retract(registry: Registry, sop_instance_uid: str, why: str) -> int:
    """Take reports out of their procedures, because something refers to them as void; they are kept. Returns how many.

    raises   RegistryError
    """
    with audit.writing(registry.key_of("audit"), registry.who, "report retracted") as entry:
        rows = Report.objects.filter(sop_instance_uid=short(sop_instance_uid), retracted=False)
        return _retract(entry, rows, why)


def quarantine(registry: Registry, key: str, path: str, reason: str, remedy: str = "") -> bool:
    """Note a file that cannot be used; False where the same is noted already.

    key      SHA-256 of its bytes, or of its path where these cannot be read
    raises   RegistryError
    """
    with audit.writing(registry.key_of("audit"), registry.who, "file quarantined") as entry:
        row = Quarantined.objects.filter(key=key).first()
        if row is None:
            fields = {"path": lengthy(path), "reason": lengthy(reason), "remedy": lengthy(remedy)}
            entry.add(Quarantined(key=key, since=now(), **fields))
            return True
        same = row.reason == lengthy(reason)
        if same and (row.remedy.startswith(_LOOKED_AT) if row.settled else row.path == lengthy(path)):
            return False
        row.reason, row.path, row.remedy, row.settled = lengthy(reason), lengthy(path), lengthy(remedy), False
        entry.change(row)
    return True


def looked_at(registry: Registry, beginning: str, by: str) -> bool:
    """Take one file off the quarantine list because a named person looked at it; False where it is off already.

    It comes back where it fails for another reason.

    beginning   of its key, as the list shows it
    raises      RegistryError where it begins none, or several
    """
    with audit.writing(registry.key_of("audit"), registry.who, "quarantine looked at") as entry:
        rows = list(Quarantined.objects.filter(key__startswith=beginning.lower())) if beginning else []
        if len(rows) != 1:
            what = "several files have this key" if rows else "no file in quarantine has this key"
            raise RegistryError(what, beginning[:64], "`skindose registry list --quarantine` has their keys.")
        (row,) = rows
        if row.settled:
            return False
        row.settled, row.remedy = True, lengthy(f"{_LOOKED_AT} {by}")
        entry.change(row)
        entry.details |= {"by": short(by)}
    return True


def settle(registry: Registry, key: str, path: str = "") -> bool:
    """Take a file off the quarantine list: it was used after all, or somebody looked at it.

    path   whatever was noted of this path before, a part of the file for instance, is settled too
    """
    meant = Q(key=key) | Q(path=lengthy(path)) if path else Q(key=key)
    with guarded():
        if not Quarantined.objects.filter(meant, settled=False).exists():
            return False  # nearly always: without a transaction
    with audit.writing(registry.key_of("audit"), registry.who, "quarantine settled") as entry:
        rows = list(Quarantined.objects.filter(meant, settled=False))
        for row in rows:
            row.settled = True
            entry.change(row)
    return bool(rows)


def note_tried(registry: Registry, key: str, reason: str) -> None:
    """Note that something failed which would fail again: a row of the quarantine list that nobody need look at.

    key      SHA-256 of all that decides whether it fails
    raises   RegistryError
    """
    with audit.writing(registry.key_of("audit"), registry.who, "no result") as entry:
        if not Quarantined.objects.filter(key=key).exists():
            entry.add(Quarantined(key=key, path="", reason=lengthy(reason), since=now(), settled=True))


def signed(digest: str) -> str:
    """Who signed the rules of this digest last, name and role; "" where nobody did.

    raises   RegistryError
    """
    with guarded():
        row = RuleSet.objects.filter(blob_id=digest).order_by("-pk").first()
    return "" if row is None else str(row.signed_by)


# --- Inside a transaction


def keep(entry: Entry, kind: str, data: bytes) -> Blob:
    """The row of these bytes, made if they are new."""
    digest = hashlib.sha256(data).hexdigest()
    known: Blob | None = Blob.objects.filter(pk=digest).defer("content").first()
    if known is not None:
        return known
    packed = zlib.compress(data, 6)
    packing, content = ("zlib", packed) if len(packed) < 0.95 * len(data) else ("", data)
    blob: Blob = entry.add(Blob(sha256=digest, kind=kind, size=len(data), packing=packing, content=content))
    return blob


def _new_report(registry: Registry, entry: Entry, incoming: Incoming) -> tuple[Report, tuple[str, ...]]:
    patient = _patient(registry, entry, incoming)
    header = incoming.header
    study = header.study_instance_uid or f"sha256:{incoming.sha256}"
    procedure = Procedure.objects.filter(study=short(study)).first()
    notes: list[str] = []
    if procedure is None:
        procedure = _new_procedure(entry, short(study), incoming, patient)
    elif procedure.patient_id != (patient.pk if patient else None):
        notes.append("reports of one study name different patients: it stays with the first one; look at it")
    report = entry.add(
        Report(
            blob=keep(entry, "rdsr", incoming.data),
            procedure=procedure,
            patient=patient,
            sop_instance_uid=short(incoming.sop_instance_uid),
            software=short(header.software),
            predecessors=canonical(list(incoming.predecessors)),
            received_at=now(),
        )
    )
    notes += _follow_references(entry, procedure)
    if notes:
        entry.details |= {"notes": notes}
    return report, tuple(notes)


def _new_procedure(entry: Entry, study: str, incoming: Incoming, patient: Patient | None) -> Procedure:
    header = incoming.header
    row: Procedure = entry.add(
        Procedure(
            study=study,
            case_number=_case_number(header.study_date),
            patient=patient,
            machine=_machine(entry, header),
            study_date=header.study_date,
            description=lengthy(header.description),
            purpose=incoming.purpose,
            since=now(),
        )
    )
    return row


def _patient(registry: Registry, entry: Entry, incoming: Incoming) -> Patient | None:
    """The patient's row; None where the report names no number: such a procedure adds up with no other."""
    if not incoming.number.strip():
        return None
    alias = home.pseudonym(registry.key, incoming.issuer, incoming.number)
    row = Patient.objects.filter(pseudonym=alias).first()
    if row is None:
        stated = bool(incoming.issuer.strip())
        row = entry.add(Patient(pseudonym=alias, issuer_stated=stated, since=now()))
    if registry.plain and not Identifier.objects.filter(patient=row).exists():
        entry.add(Identifier(patient=row, issuer=short(incoming.issuer), number=short(incoming.number)))
    found: Patient = row
    return found


def _machine(entry: Entry, header: Header) -> Machine:
    named = {
        "manufacturer": short(header.manufacturer),
        "model": short(header.model),
        "serial": short(header.device_serial_number),
        "station": short(header.station),
    }
    found: Machine = Machine.objects.filter(**named).first() or entry.add(Machine(**named, since=now()))
    return found


def _case_number(study_date: str) -> str:
    """A random number that says nothing of the patient: K, year, six digits."""
    year = study_date[:4] or str(now().year)
    for _ in range(100):
        number = f"K-{year}-{secrets.randbelow(1_000_000):06d}"
        if not Procedure.objects.filter(case_number=number).exists():
            return number
    raise RegistryError("no free case number is found", "registry", "Report it to the makers.")


def _retract(entry: Entry, rows: Iterable[Report], why: str) -> int:
    count = 0
    for row in rows:
        row.retracted, row.retracted_why = True, lengthy(why)
        entry.change(row)
        count += 1
    return count


def _follow_references(entry: Entry, procedure: Procedure) -> list[str]:
    """Retract what a report of the same patient takes the place of, in whichever order they came; never all of them."""
    rows = list(Report.objects.filter(procedure=procedure))
    named = {
        (uid, row.patient_id) for row in rows for uid in json.loads(row.predecessors) if uid != row.sop_instance_uid
    }
    void = [row for row in rows if (row.sop_instance_uid, row.patient_id) in named]
    notes = []
    if {row.sop_instance_uid for row in rows} & {uid for uid, _ in named} - {row.sop_instance_uid for row in void}:
        notes.append("a report of another patient says that it takes the place of one of this study: not heeded")
    if void and len(void) == len(rows):
        return [*notes, "the reports of this study refer to each other as replaced: all of them count; look at it"]
    _retract(entry, (row for row in void if not row.retracted), "a report of the same study takes its place")
    return notes


def _counting(procedure: Procedure) -> list[str]:
    """Digests of the reports that count."""
    return sorted(Report.objects.filter(procedure=procedure, retracted=False).values_list("blob_id", flat=True))


def _holds(procedure: Procedure, result: Computed) -> bool:
    """Whether a result is of the reports that count, with the corrections that hold."""
    same = set(result.inputs) == set(_counting(procedure))
    return same and _corrections(procedure) == result.configuration.get("corrections", [])


def _corrections(procedure: Procedure) -> list[str]:
    """Keys of the corrections that hold."""
    rows = Correction.objects.filter(procedure=procedure, undone_at=None).order_by("pk")
    return list(rows.values_list("key", flat=True))


def _put(entry: Entry, procedure: Procedure, result: Computed, hook: Hook | None) -> int:
    newest = Computation.objects.filter(procedure=procedure).order_by("-version").first()
    facts = keep(entry, "result", canonical(result.facts).encode())
    configuration = canonical(result.configuration)
    digest = hashlib.sha256(configuration.encode()).hexdigest()
    inputs = canonical(sorted(result.inputs))
    if newest and (newest.result_id, newest.configuration_sha256, newest.inputs) == (facts.pk, digest, inputs):
        return int(newest.version)
    row = entry.add(
        Computation(
            procedure=procedure,
            version=newest.version + 1 if newest else 1,
            made_at=now(),
            why=short(result.why),
            software=__version__,
            inputs=inputs,
            configuration=configuration,
            configuration_sha256=digest,
            result=facts,
            case=keep(entry, "case", result.case),
            map=keep(entry, "map", result.map) if result.map else None,
            skin=keep(entry, "skin", result.skin) if result.skin else None,
            **_columns(result.facts),
        )
    )
    for finding in result.facts["triggers"]:
        entry.add(_finding(row, finding))
    for record in result.records:
        _keep_record(entry, *record)
    if hook is not None:
        hook(entry, row)
    return int(row.version)


def _keep_record(entry: Entry, name: str, signed_by: str, content: bytes) -> None:
    """A calibration record as it was when a result was made with it; its digest stands in the configuration."""
    blob = keep(entry, "calibration", content)
    if not Calibration.objects.filter(blob=blob).exists():
        entry.add(Calibration(blob=blob, name=short(name), signed_by=short(signed_by), since=now()))


def _columns(facts: Mapping[str, Any]) -> dict[str, float | None]:
    """What lists and sums ask for."""
    totals = facts["totals"]
    largest = {
        name: max((value for value in totals[name]["together"].values() if value is not None), default=None)
        for name in ("air_kerma_mgy", "kap_gycm2", "fluoro_time_s")
    }
    peak = facts["peak"]
    return {"peak_skin_dose_mgy": peak["skin_dose_mgy"] if peak else None, **largest}


def _finding(row: Computation, said: Mapping[str, Any]) -> Finding:
    names = ("value", "level", "fired", "probability")
    return Finding(
        computation=row,
        **{name: short(said[name]) for name in ("rule", "kind", "quantity", "unit")},
        **{name: said[name] for name in names},
        steps=said.get("steps") or 0,
        document=canonical(said),
    )
