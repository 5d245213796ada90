"""The registry's tables, and nothing else. Times are UTC; JSON is text in canonical form, so that its digest is one.

Rows are written through audit.py only: every one stands in the audit trail with its digest.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import PROTECT, Index, UniqueConstraint

_SHA256 = 64
_NAME = 200
_TEXT = 2000


def short(text: str | None) -> str:
    """A short text as a column holds it: no NUL, which PostgreSQL refuses, and no longer than fits."""
    return _storable(text)[:_NAME]


def lengthy(text: str | None) -> str:
    """The same of a long text."""
    return _storable(text)[:_TEXT]


def _storable(text: str | None) -> str:
    """Without what no database takes: NUL, and bytes of a file's name that are none of UTF-8."""
    return (text or "").replace("\0", "").encode("utf-8", "replace").decode()


def _sha256(**kind: object) -> models.CharField:
    return models.CharField(max_length=_SHA256, **kind)


def _name(**kind: object) -> models.CharField:
    return models.CharField(max_length=_NAME, **{"blank": True, "default": "", **kind})


def _to(table: str, **kind: object) -> models.ForeignKey:
    """A reference; nothing that another row needs can be deleted, and nothing refers backwards by a name of its own."""
    return models.ForeignKey(table, on_delete=PROTECT, related_name="+", **kind)


class Site(models.Model):
    """One row: which key the pseudonyms are made with."""

    key_check = _sha256()
    made_at = models.DateTimeField()
    software = _name()


class Blob(models.Model):
    """Bytes by their SHA-256: reports as they came, cases, maps, results, bodies, records of calibration, rule sets."""

    sha256 = _sha256(primary_key=True)
    kind = models.CharField(max_length=20)
    size = models.BigIntegerField()
    packing = models.CharField(max_length=10)  # "zlib", or "" for as they are
    content = models.BinaryField()


class Patient(models.Model):
    """A patient under the site's pseudonym."""

    pseudonym = _sha256(unique=True)
    issuer_stated = models.BooleanField()
    since = models.DateTimeField()


class Identifier(models.Model):
    """The plain identifier; rows only where the site's configuration turns it on."""

    patient = models.OneToOneField(Patient, on_delete=PROTECT, related_name="+")
    issuer = _name()
    number = _name()


class Machine(models.Model):
    """An X-ray system, as its reports name it."""

    manufacturer = _name()
    model = _name()
    serial = _name()
    station = _name()
    since = models.DateTimeField()

    class Meta:
        """Once each."""

        constraints: ClassVar = [
            UniqueConstraint(fields=["manufacturer", "model", "serial", "station"], name="machine_once")
        ]

    @property
    def room(self) -> str:
        """What lists and alerts.toml know it by: its station, else its model."""
        return str(self.station or self.model)


class Procedure(models.Model):
    """A study: what one or several reports tell of."""

    study = models.CharField(max_length=_NAME, unique=True)  # Study Instance UID, else "sha256:" and the report's
    case_number = models.CharField(max_length=20, unique=True)  # random; stands in mails
    patient = _to("Patient", null=True)
    machine = _to("Machine")
    study_date = models.CharField(max_length=10, blank=True, db_index=True)  # ISO 8601, "" where not stated
    description = models.CharField(max_length=_TEXT, blank=True)
    purpose = models.CharField(max_length=20, default="patient")  # or "test"
    since = models.DateTimeField()


class Report(models.Model):
    """A report (RDSR) that came in."""

    blob = models.OneToOneField(Blob, on_delete=PROTECT, related_name="+")
    procedure = _to("Procedure")
    patient = _to("Patient", null=True)  # of this report; another one than the procedure's is a mix-up
    sop_instance_uid = _name(db_index=True)
    software = _name()  # of the machine
    predecessors = models.TextField(default="[]")  # SOP Instance UIDs that it takes the place of
    received_at = models.DateTimeField()
    retracted = models.BooleanField(default=False)
    retracted_why = models.CharField(max_length=_TEXT, blank=True, default="")


class Computation(models.Model):
    """One result of a procedure; the highest version is the current one, the others are its history."""

    procedure = _to("Procedure")
    version = models.IntegerField()
    made_at = models.DateTimeField()
    why = _name()
    software = _name()
    inputs = models.TextField()  # digests of the reports, sorted
    configuration = models.TextField()
    configuration_sha256 = _sha256()
    result = _to("Blob")  # result.json
    case = _to("Blob")
    map = _to("Blob", null=True)
    skin = _to("Blob", null=True)  # of a body that cannot be made again from the case
    peak_skin_dose_mgy = models.FloatField(null=True)
    air_kerma_mgy = models.FloatField(null=True)
    kap_gycm2 = models.FloatField(null=True)
    fluoro_time_s = models.FloatField(null=True)

    class Meta:
        """Versions count from 1."""

        constraints: ClassVar = [UniqueConstraint(fields=["procedure", "version"], name="version_once")]


class Finding(models.Model):
    """What one rule said of one result."""

    computation = _to("Computation")
    rule = _name()
    kind = _name()
    quantity = _name()
    value = models.FloatField(null=True)
    level = models.FloatField(null=True)
    unit = _name()
    fired = models.BooleanField(null=True)  # None: not evaluable
    steps = models.IntegerField(default=0)
    probability = models.FloatField(null=True)
    document = models.TextField()  # all of it, as in result.json

    class Meta:
        """Looked for by rule."""

        indexes: ClassVar = [Index(fields=["rule", "fired"], name="finding_rule")]


class Sum(models.Model):
    """A patient's procedures up to one of them, added; the newest of a procedure and window is the current one."""

    procedure = _to("Procedure")  # with which the window ends
    window_days = models.IntegerField(null=True)  # None: the lifetime
    version = models.IntegerField()
    made_at = models.DateTimeField()
    software = _name()
    parts = models.TextField()  # keys of the computations that went in, sorted
    document = _to("Blob")  # cumulative.json
    map = _to("Blob", null=True)
    peak_skin_dose_mgy = models.FloatField(null=True)

    class Meta:
        """Looked for by procedure."""

        indexes: ClassVar = [Index(fields=["procedure", "window_days"], name="sum_window")]


class SumFinding(models.Model):
    """What one rule that counts earlier procedures said of one sum."""

    sum = _to("Sum")
    rule = _name()
    quantity = _name()
    fired = models.BooleanField(null=True)  # None: not evaluable
    document = models.TextField()  # all of it, as in result.json


class RuleSet(models.Model):
    """A set of rules that a named physicist released."""

    blob = _to("Blob")
    name = _name()
    signed_by = _name()
    signed_at = models.DateTimeField()


class Calibration(models.Model):
    """A record of calibration as it was when a result used it."""

    blob = models.OneToOneField(Blob, on_delete=PROTECT, related_name="+")
    name = _name()
    signed_by = _name()
    since = models.DateTimeField()


class Alert(models.Model):
    """What a finding asks for; one per procedure, rule, quantity and level, whatever is computed again."""

    procedure = _to("Procedure")
    finding = _to("Finding", null=True)
    rule = _name()
    quantity = _name()
    level = models.CharField(max_length=40)  # as text: part of the key
    severity = models.IntegerField(default=1)
    state = models.CharField(max_length=20)
    raised_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    document = models.TextField(default="{}")

    class Meta:
        """Once each."""

        constraints: ClassVar = [UniqueConstraint(fields=["procedure", "rule", "quantity", "level"], name="alert_once")]


class Outgoing(models.Model):
    """The outbox: one mail to one recipient."""

    alert = _to("Alert", null=True)  # the most severe of those that it tells; none of a digest
    recipient = _name()
    role = _name()
    message_id = models.CharField(max_length=_NAME, unique=True)
    purpose = models.CharField(max_length=40)  # alert, escalation, digest, ...
    state = models.CharField(max_length=20, db_index=True)
    attempts = models.IntegerField(default=0)
    next_at = models.DateTimeField(null=True, db_index=True)
    last_error = models.CharField(max_length=_TEXT, blank=True, default="")
    delivered_at = models.DateTimeField(null=True)
    document = models.TextField(default="{}")

    class Meta:
        """One mail per alert, recipient and purpose."""

        constraints: ClassVar = [UniqueConstraint(fields=["alert", "recipient", "purpose"], name="mail_once")]


class Told(models.Model):
    """An alert that a mail tells."""

    alert = _to("Alert")
    mail = _to("Outgoing")
    recipient = _name()  # as the mail has it
    purpose = models.CharField(max_length=40)

    class Meta:
        """Each alert to each recipient once for each purpose."""

        constraints: ClassVar = [UniqueConstraint(fields=["alert", "recipient", "purpose"], name="told_once")]


class Acknowledgement(models.Model):
    """Who took an alert on."""

    alert = _to("Alert")
    by = _name()
    at = models.DateTimeField()
    note = models.CharField(max_length=_TEXT, blank=True, default="")


class FollowUp(models.Model):
    """A contact with the patient that is due."""

    procedure = _to("Procedure")
    alert = _to("Alert", null=True)
    what = _name()
    due = models.DateField(db_index=True)
    state = models.CharField(max_length=20)
    done_by = _name()
    done_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=_TEXT, blank=True, default="")


class Correction(models.Model):
    """What somebody corrected in a case; part of every result from then on, until it is taken back."""

    procedure = _to("Procedure")
    key = models.CharField(max_length=32, unique=True)  # random; stands in the configuration of results
    document = models.TextField()  # settings, whole, events, of: as corrected.Correction
    by = _name()
    reason = models.CharField(max_length=_TEXT)
    at = models.DateTimeField()
    undone_by = _name()
    undone_reason = models.CharField(max_length=_TEXT, blank=True, default="")
    undone_at = models.DateTimeField(null=True)


class Signoff(models.Model):
    """A named person reviewed the map of one result."""

    computation = _to("Computation")
    by = _name()
    role = _name()
    note = models.CharField(max_length=_TEXT, blank=True, default="")
    at = models.DateTimeField()


class Quarantined(models.Model):
    """A file that could not be used, and why."""

    key = _sha256(unique=True)  # of its bytes; of its path where it cannot be read
    path = models.CharField(max_length=_TEXT)
    reason = models.CharField(max_length=_TEXT)
    remedy = models.CharField(max_length=_TEXT, blank=True, default="")
    since = models.DateTimeField()
    settled = models.BooleanField(default=False)  # it was used after all, or somebody looked at it


class Audit(models.Model):
    """Who did what when; each row holds the digest of the one before. The database refuses to change or delete rows."""

    seq = models.BigIntegerField(primary_key=True)  # 1, 2, 3, ... without a gap
    at = models.CharField(max_length=40)  # as text: it is part of what the digest is made of
    who = _name()
    what = _name()
    details = models.TextField()
    rows = models.TextField()  # [table, key, digest of the row or null where it was deleted], ...
    former = _sha256()
    digest = _sha256()


class Claim(models.Model):
    """Who computes a procedure just now; no part of the record, so not in the audit trail."""

    key = models.CharField(max_length=_NAME, primary_key=True)
    by = _name()
    until = models.DateTimeField()


AUDITED = (
    Site, Blob, Patient, Identifier, Machine, Procedure, Report, Computation, Finding, Sum, SumFinding, RuleSet,
    Calibration, Alert, Outgoing, Told, Acknowledgement, FollowUp, Correction, Signoff, Quarantined,
)  # fmt: skip
"""Tables of which every row stands in the audit trail, each after those that it refers to."""
