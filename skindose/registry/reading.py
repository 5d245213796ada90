"""Reading: what lists, pages and recomputations ask the registry for."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from django.db.models import Count, Max, OuterRef, Q, Subquery

from skindose.errors import DamagedError, RegistryError
from skindose.registry import packing
from skindose.registry.guard import guarded
from skindose.registry.models import (
    Alert,
    Audit,
    Blob,
    Computation,
    Finding,
    Machine,
    Outgoing,
    Patient,
    Procedure,
    Quarantined,
    Report,
    Signoff,
)
from skindose.registry.records import Current, Kept, Row, open_case

_CHUNK = 500  # rows held at once, and parameters of one query
_DAMAGED = "Run `skindose registry verify`."


def known(digests: Iterable[str]) -> set[str]:
    """Those of these reports that are there."""
    with guarded():
        return set(Report.objects.filter(blob_id__in=list(digests)).values_list("blob_id", flat=True))


def find(case_number: str) -> int:
    """The procedure of a case number.

    raises   RegistryError
    """
    with guarded():
        row = Procedure.objects.filter(case_number=case_number.strip().upper()).values_list("pk", flat=True).first()
    if row is None:
        raise RegistryError("there is no such case", case_number[:20], "`skindose registry list` has their numbers.")
    return int(row)


def content(digest: str) -> bytes:
    """Stored bytes, as they were.

    raises   DamagedError where they are missing or no longer those; RegistryError
    """
    with guarded():
        row = Blob.objects.filter(pk=digest).first()
    if row is None:
        raise DamagedError("stored bytes are missing", digest[:12], _DAMAGED)
    data = unpacked(row)
    if data is None:
        raise DamagedError("stored bytes are damaged", digest[:12], _DAMAGED)
    return data


def unpacked(row: Blob) -> bytes | None:
    """The bytes of a row; None where they are not those of its digest."""
    stored = bytes(row.content)
    try:
        data = zlib.decompress(stored) if row.packing == "zlib" else stored
    except zlib.error:
        return None
    return data if hashlib.sha256(data).hexdigest() == row.pk else None


def reports(procedure: int) -> list[dict[str, Any]]:
    """The reports of a procedure, first come first: sha256, sop_instance_uid, received_at, retracted and why."""
    with guarded():
        rows = list(Report.objects.filter(procedure_id=procedure).order_by("pk"))
    return [
        {
            "sha256": row.blob_id,
            "sop_instance_uid": row.sop_instance_uid,
            "received_at": row.received_at.isoformat(timespec="seconds"),
            "retracted": row.retracted,
            "why": row.retracted_why or None,
        }
        for row in rows
    ]


def counting(procedure: int) -> list[bytes]:
    """The reports of a procedure that count, byte for byte; what its result must be made of."""
    return [content(report["sha256"]) for report in reports(procedure) if not report["retracted"]]


def case_number(procedure: int) -> str:
    """The number that people know a procedure by."""
    with guarded():
        return str(Procedure.objects.values_list("case_number", flat=True).get(pk=procedure))


def outdated(configuration_sha256: str | None, among: Collection[int] | None = None) -> list[int]:
    """Procedures without a result, with one of other reports than those that count, or of another configuration.

    configuration_sha256   None: whatever the configuration
    among                  which procedures are looked at; None: all
    """
    if among is not None:
        parts = [sorted(among)[first : first + _CHUNK] for first in range(0, len(among), _CHUNK)]
        return [one for part in parts for one in _outdated(configuration_sha256, Q(pk__in=part), part)]
    return _outdated(configuration_sha256, Q(), None)


def was_tried(key: str) -> bool:
    """Whether `store.note_tried` noted it."""
    with guarded():
        return bool(Quarantined.objects.filter(key=key).exists())


def _outdated(configuration_sha256: str | None, which: Q, part: list[int] | None) -> list[int]:
    newest = Computation.objects.filter(procedure=OuterRef("pk")).order_by("-version")
    with guarded():
        rows = (
            Procedure.objects.filter(which)
            .annotate(
                inputs=Subquery(newest.values("inputs")[:1]), made=Subquery(newest.values("configuration_sha256")[:1])
            )
            .values_list("pk", "inputs", "made")
        )
        digests: dict[int, list[str]] = {}
        counting = Report.objects.filter(retracted=False, **({} if part is None else {"procedure__in": part}))
        for procedure, digest in counting.values_list("procedure_id", "blob_id").iterator():
            digests.setdefault(procedure, []).append(digest)
        return [
            pk
            for pk, inputs, made in rows.iterator()
            if pk in digests
            and (made is None or made != (configuration_sha256 or made) or json.loads(inputs) != sorted(digests[pk]))
        ]


def newest_result() -> int | None:
    """What changes with every new result.

    raises   RegistryError
    """
    with guarded():
        return Computation.objects.aggregate(last=Max("pk"))["last"]  # type: ignore[no-any-return]


def current(procedures: Iterable[int] | None = None) -> Iterator[Current]:
    """The current result of each procedure, or of these, and what it was made with; few are held at once.

    raises   RegistryError
    """
    newest = Computation.objects.filter(procedure=OuterRef("procedure")).order_by("-version")
    with guarded():
        rows = Computation.objects.filter(pk=Subquery(newest.values("pk")[:1])).order_by("procedure_id")
        if procedures is not None:
            rows = rows.filter(procedure_id__in=list(procedures))
        names = ("procedure_id", "procedure__case_number", "version", "inputs", "configuration", "result_id", "case_id")
        for procedure, number, version, inputs, made, result, case in rows.values_list(*names).iterator(_CHUNK):
            yield Current(procedure, number, version, tuple(json.loads(inputs)), json.loads(made), result, case)


def versions(procedure: int) -> list[dict[str, Any]]:
    """Every result that a procedure ever had, oldest first."""
    with guarded():
        rows = list(Computation.objects.filter(procedure_id=procedure).order_by("version"))
    return [
        {
            "version": row.version,
            "made_at": row.made_at.isoformat(timespec="seconds"),
            "why": row.why,
            "software": row.software,
            "reports": json.loads(row.inputs),
            "configuration_sha256": row.configuration_sha256,
            "corrections": json.loads(row.configuration).get("corrections", []),
            "peak_skin_dose_mgy": row.peak_skin_dose_mgy,
            "map": row.map_id is not None,
        }
        for row in rows
    ]


def open_kept(procedure: int, version: int | None = None) -> Kept:
    """A stored result, the newest by default.

    raises   RegistryError where there is none or it is damaged, InputError for a case of another version
    """
    with guarded():
        rows = Computation.objects.filter(procedure_id=procedure).order_by("-version")
        row = (rows if version is None else rows.filter(version=version)).first()
    if row is None:
        raise RegistryError("there is no such result", "registry", "`skindose registry show` has the versions.")
    facts = json.loads(content(row.result_id))
    kept_map = packing.unpack_map(content(row.map_id)) if row.map_id else None
    case, body = open_case(content(row.case_id), content(row.skin_id) if row.skin_id else None)
    if kept_map is None:
        return Kept(facts, case, body, None, None)
    fits = body is not None and packing.skin_digest(body) == kept_map.skin_sha256
    return Kept(facts, case, body if fits else None, kept_map.dose_mgy, kept_map.uncertainty_mgy)


# --- Lists


def results(since: str = "") -> Iterator[tuple[int, str, str, dict[str, Any]]]:
    """Procedure, case number, date and result.json of every patient's current result, oldest first; one at a time.

    since    ISO 8601; procedures before it, and those without a date, are left out
    raises   RegistryError where one is damaged
    """
    newest = Computation.objects.filter(procedure=OuterRef("pk")).order_by("-version")
    with guarded():
        rows = list(
            Procedure.objects.filter(purpose="patient", study_date__gte=since)
            .annotate(result=Subquery(newest.values("result_id")[:1]))
            .filter(result__isnull=False)
            .order_by("study_date", "pk")
            .values_list("pk", "case_number", "study_date", "result")
        )
    for procedure, number, date, digest in rows:
        yield procedure, number, date, json.loads(content(digest))


def procedures(limit: int | None = None, patient_of: int | None = None) -> list[Row]:
    """Procedures with their current result, the newest first.

    patient_of   only those of the patient of this procedure
    """
    newest = Computation.objects.filter(procedure=OuterRef("pk")).order_by("-version")
    columns = ("pk", "version", "peak_skin_dose_mgy", "air_kerma_mgy", "kap_gycm2")
    with guarded():
        rows = Procedure.objects.select_related("machine").order_by("-study_date", "-pk")
        if patient_of is not None:
            alias = Procedure.objects.values_list("patient_id", flat=True).get(pk=patient_of)
            rows = rows.filter(patient_id=alias) if alias is not None else rows.filter(pk=patient_of)
        rows = rows.annotate(**{f"newest_{name}": Subquery(newest.values(name)[:1]) for name in columns})
        found = list(rows[:limit] if limit is not None else rows)
        keys = [row.pk for row in found]
        counted = dict(Report.objects.values_list("procedure_id").annotate(count=Count("pk")).order_by())
        reviewed = set(Signoff.objects.values_list("computation_id", flat=True))
        fired = _fired([row.newest_pk for row in found if row.newest_pk] if len(keys) <= 500 else None)
    return [
        Row(
            row.pk,
            row.case_number,
            row.study_date,
            row.machine.station or row.machine.model,
            row.purpose,
            counted.get(row.pk, 0),
            row.newest_version,
            row.newest_peak_skin_dose_mgy,
            row.newest_air_kerma_mgy,
            row.newest_kap_gycm2,
            tuple(fired.get(row.newest_pk, ())),
            row.newest_pk in reviewed,
        )
        for row in found
    ]


def _fired(computations: list[int] | None) -> dict[int, list[str]]:
    rows = Finding.objects.filter(fired=True).order_by("pk")
    if computations is not None:
        rows = rows.filter(computation_id__in=computations)
    found: dict[int, list[str]] = {}
    for computation, rule, quantity in rows.values_list("computation_id", "rule", "quantity"):
        found.setdefault(computation, []).append(f"{rule}: {quantity}")
    return found


def quarantined() -> list[dict[str, Any]]:
    """Files that could not be used and that nobody settled."""
    with guarded():
        rows = list(Quarantined.objects.filter(settled=False).order_by("pk"))
    return [
        {"key": row.key, "path": row.path, "reason": row.reason, "remedy": row.remedy, "since": row.since.isoformat()}
        for row in rows
    ]


def failed(keys: Iterable[str]) -> set[str]:
    """Those of these keys that stand in the quarantine list.

    raises   RegistryError
    """
    wanted = set(keys)
    with guarded():
        rows = Quarantined.objects.filter(settled=False).values_list("key", flat=True)
        return wanted.intersection(rows)


def status() -> dict[str, Any]:
    """How much is there, and when each machine was last heard of."""
    tables: dict[str, Any] = {
        "procedures": Procedure,
        "reports": Report,
        "patients": Patient,
        "results": Computation,
        "alerts": Alert,
    }
    with guarded():
        counts = {name: table.objects.count() for name, table in tables.items()}
        last = Audit.objects.order_by("-seq").first()
        heard = dict(Report.objects.values_list("procedure__machine_id").annotate(last=Max("received_at")).order_by())
        machines = [
            {
                "station": row.station,
                "model": " ".join(filter(None, (row.manufacturer, row.model))),
                "last_report": heard[row.pk].isoformat(timespec="seconds") if row.pk in heard else None,
            }
            for row in Machine.objects.order_by("pk")
        ]
        mails = Counter(Outgoing.objects.values_list("state", flat=True))
        return {
            **counts,
            "quarantined": Quarantined.objects.filter(settled=False).count(),
            "mails": dict(mails),
            "machines": machines,
            "audit": {"rows": last.seq, "digest": last.digest, "last": last.at} if last else None,
        }
