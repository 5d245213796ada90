"""The audit trail: every write is one transaction with one row of it, chained to the row before by a keyed digest.

    digest = HMAC-SHA256(key, canonical JSON of seq, at, who, what, details, rows and the former row's digest)

The rows name what was written, with the digest of its content, so that a change of any row of any table behind the
program's back shows. Without the site's key nobody can make a chain that fits.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from django.db import connection, models, transaction

from skindose.registry.guard import guarded
from skindose.registry.models import Audit

FIRST = "0" * 64
_LOCK = 7_316_204  # PostgreSQL's advisory lock of who writes


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def canonical(document: Any) -> str:
    """JSON, one text for one content."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)


def row_digest(row: models.Model) -> str:
    """SHA-256 of a row's content; bytes are left out, since they stand under their own digest."""
    content = {
        field.attname: _plain(getattr(row, field.attname))
        for field in row._meta.concrete_fields
        if not isinstance(field, models.BinaryField)
    }
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def chained(key: bytes, row: Audit) -> str:
    """What the digest of an audit row must be."""
    content = [row.seq, row.at, row.who, row.what, row.details, row.rows, row.former]
    return hmac.new(key, canonical(content).encode(), hashlib.sha256).hexdigest()


class Entry:
    """What one transaction writes."""

    def __init__(self, key: bytes, who: str, what: str) -> None:
        self._key, self._who, self._what = key, who, what
        self._rows: dict[tuple[str, str], str | None] = {}
        self.details: dict[str, Any] = {}
        self._alone = False

    def tell(self, **details: Any) -> None:
        """What happened outside the tables: it stands in the trail although no row is written."""
        self.details |= details
        self._alone = True

    def add(self, row: models.Model) -> Any:
        """Insert a row; it comes back with its key."""
        row.save(force_insert=True)
        return self._noted(row)

    def change(self, row: models.Model) -> Any:
        """Update a row."""
        row.save(force_update=True)
        return self._noted(row)

    def delete(self, row: models.Model) -> None:
        """Delete a row."""
        place = (row._meta.db_table, str(row.pk))
        row.delete()
        self._rows[place] = None

    def _noted(self, row: models.Model) -> models.Model:
        self._rows[row._meta.db_table, str(row.pk)] = row_digest(row)
        return row

    def close(self) -> None:
        """Append to the trail; nothing where nothing was written."""
        if not self._rows and not self._alone:
            return
        last = Audit.objects.order_by("-seq").values_list("seq", "digest").first() or (0, FIRST)
        row = Audit(
            seq=last[0] + 1,
            at=now().isoformat(timespec="microseconds"),
            who=self._who[:200],
            what=self._what,
            details=canonical(self.details),
            rows=canonical([[table, pk, digest] for (table, pk), digest in self._rows.items()]),
            former=last[1],
        )
        row.digest = chained(self._key, row)
        row.save(force_insert=True)


@contextmanager
def writing(key: bytes, who: str, what: str) -> Iterator[Entry]:
    """One transaction: all of it with its audit row, or nothing. One writer at a time.

    raises   RegistryError
    """
    with guarded(), transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        entry = Entry(key, who, what)
        yield entry
        entry.close()
