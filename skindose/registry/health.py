"""What `skindose doctor` asks the database; nothing here writes."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from django.db import connection
from django.db.models import Max, Min, OuterRef, Subquery, Sum

from skindose.registry import audit, followups, opening
from skindose.registry.guard import guarded
from skindose.registry.life import FAILED, OPEN, QUEUED, SENDING
from skindose.registry.models import (
    Alert,
    Audit,
    Blob,
    Computation,
    Machine,
    Outgoing,
    Procedure,
    Quarantined,
    Report,
    Site,
)
from skindose.registry.reading import content
from skindose.registry.records import Heard

FORGOTTEN = timedelta(hours=1)  # `alerts send` comes every few minutes
_TAIL = 1000  # rows of the trail that a quick look checks


def is_current() -> bool:
    """Whether the tables are those of this program.

    raises   RegistryError where a newer program made them
    """
    return opening.is_current()


def is_a_registry() -> bool:
    """Whether the database holds the tables of some version, or none at all: nobody else's.

    raises   RegistryError
    """
    with guarded():
        tables = connection.introspection.table_names()
    return not tables or Site._meta.db_table in tables


def fits(key: bytes) -> bool:
    """Whether the registry was made with this key; True where it was made with none yet."""
    with guarded():
        site = Site.objects.first()
    return site is None or site.key_check == opening.key_check(key)


def can_be_written() -> bool:
    """Whether a transaction that writes could begin just now.

    raises   RegistryError: locked, read-only, full
    """
    with guarded(), connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("BEGIN IMMEDIATE")
            cursor.execute("ROLLBACK")
            return True
        cursor.execute("SHOW transaction_read_only")
        return bool(cursor.fetchone()[0] == "off")


def damage() -> str:
    """What the database itself finds damaged; "" where it finds nothing."""
    if connection.vendor != "sqlite":
        return ""
    with guarded(), connection.cursor() as cursor:
        cursor.execute("PRAGMA quick_check(1)")
        found = str(cursor.fetchone()[0])
    return "" if found == "ok" else " ".join(found.replace("*** in database main ***", "").split())[:100]


def broken_tail(key: bytes) -> str:
    """The first of the last 1,000 rows of the audit trail that does not fit; "" where all do."""
    with guarded():
        rows = list(Audit.objects.order_by("-seq")[: _TAIL + 1])
    for later, former in pairwise(rows):
        if (later.seq, later.former) != (former.seq + 1, former.digest):
            return f"audit row {later.seq}"
    return next((f"audit row {row.seq}" for row in rows if row.digest != audit.chained(key, row)), "")


def last_write() -> datetime | None:
    """When the trail's last row was written; None where there is none."""
    with guarded():
        row = Audit.objects.order_by("-seq").first()
    return datetime.fromisoformat(row.at) if row else None


def bytes_each() -> tuple[int, int]:
    """Procedures of the last 30 days, and bytes that one takes on average."""
    with guarded():
        count = Procedure.objects.count()
        fresh = Procedure.objects.filter(since__gte=audit.now() - timedelta(days=30)).count()
        total = Blob.objects.aggregate(total=Sum("size"))["total"] or 0
    return fresh, int(total / count) if count else 0


class Mails(NamedTuple):
    """What waits in the outbox.

    tried      mails that a try failed for, and that are tried again
    since      when the first of them was queued
    error      what the last try gave
    failed     given up or refused
    forgotten  long due, and nobody tried: no worker runs
    """

    waiting: int
    tried: int
    since: datetime | None
    error: str
    failed: int
    forgotten: int


def mails() -> Mails:
    """What waits, and why."""
    with guarded():
        counts = Counter(Outgoing.objects.values_list("state", flat=True))
        tried = Outgoing.objects.filter(state=QUEUED, attempts__gt=0)
        since = tried.aggregate(since=Min("alert__raised_at"))["since"]
        last = tried.order_by("-next_at").first()
        due = Outgoing.objects.filter(state__in=(QUEUED, SENDING), next_at__lt=audit.now() - FORGOTTEN)
        forgotten = due.count()
    waiting = counts[QUEUED] + counts[SENDING]
    return Mails(waiting, tried.count(), since, last.last_error if last else "", counts[FAILED], forgotten)


def overdue() -> tuple[int, int]:
    """Alerts that nobody acknowledged in time, and contacts with patients that were not made in their days."""
    moment = audit.now()
    with guarded():
        open_alerts = Alert.objects.filter(state__in=OPEN)
        late = sum(_is_late(row, moment) for row in open_alerts)
    today = moment.date().isoformat()
    missed = sum(contact["to"] < today for contact in followups.listed())
    return late, missed


def _is_late(row: Alert, moment: datetime) -> bool:
    """Its time is over, or nobody is left who could be asked."""
    return row.due_at is None or row.due_at < moment or json.loads(row.document)["step"] > 0


def undone() -> tuple[int, int, int]:
    """Files in quarantine, procedures without any result, and patients' procedures whose current result has no map."""
    newest = Computation.objects.filter(procedure=OuterRef("pk")).order_by("-version")
    with guarded():
        quarantined = Quarantined.objects.filter(settled=False).count()
        rows = Procedure.objects.filter(purpose="patient").annotate(
            made=Subquery(newest.values("pk")[:1]), mapped=Subquery(newest.values("map_id")[:1])
        )
        without = rows.filter(made=None).count()
        mapless = rows.exclude(made=None).filter(mapped=None).count()
    return quarantined, without, mapless


def mixed() -> list[str]:
    """Numbers of the cases whose reports name different patients."""
    with guarded():
        rows = Report.objects.values_list("procedure__case_number", "patient_id", "procedure__patient_id")
        return sorted({number for number, own, first in rows.iterator() if own != first})


def machines() -> list[Heard]:
    """Every machine that sent a report."""
    with guarded():
        rows = list(Machine.objects.order_by("pk"))
        last = dict(Procedure.objects.values_list("machine_id").annotate(last=Max("since")).order_by())
    return [_heard(row, last[row.pk].date()) for row in rows if row.pk in last]


def _heard(row: Machine, came: date) -> Heard:
    first = (audit.now() - timedelta(days=400)).date().isoformat()
    with guarded():
        dates = set(Procedure.objects.filter(machine=row).exclude(study_date="").values_list("study_date", flat=True))
        newest = Computation.objects.filter(procedure__machine=row).order_by("-procedure__study_date", "-pk").first()
    today = audit.now().date()  # a report from the future would silence every alarm
    days = sorted(day for day in map(_day, dates) if day is not None and day <= today)
    facts = json.loads(content(newest.result_id)) if newest else {"profile": {}, "calibration": {}}
    return Heard(
        row.room or row.manufacturer or "a machine without a name",
        tuple(day for day in days if day.isoformat() >= first),
        days[-1] if days else came,
        str(facts["profile"].get("name", "")),
        str(facts["profile"].get("status", "")),
        str(facts["calibration"].get("status", "")),
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
