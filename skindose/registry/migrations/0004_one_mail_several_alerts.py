"""Which alerts a mail tells: one mail may tell several. A mail from before tells the one that it belongs to."""

from typing import Any, ClassVar

import django.db.models.deletion
from django.db import migrations, models

from skindose.registry import audit, home


def _link(apps: Any, schema_editor: Any) -> None:
    """A row for each mail that is there, in the audit trail like every other."""
    mails = apps.get_model("skindose", "Outgoing").objects.exclude(alert=None).order_by("pk")
    if not mails.exists():
        return
    told = apps.get_model("skindose", "Told")
    key = home.derived(home.read_key(home.place().folder), "audit")
    with audit.writing(key, "skindose", "mails linked to their alerts") as entry:
        for mail in mails:
            entry.add(told(alert_id=mail.alert_id, mail=mail, recipient=mail.recipient, purpose=mail.purpose))


def _to(table: str) -> models.ForeignKey:
    return models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=table)


class Migration(migrations.Migration):
    """The table, and its rows."""

    dependencies: ClassVar = [("skindose", "0003_corrections")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="Told",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("recipient", models.CharField(blank=True, default="", max_length=200)),
                ("purpose", models.CharField(max_length=40)),
                ("alert", _to("skindose.alert")),
                ("mail", _to("skindose.outgoing")),
            ],
        ),
        migrations.AddConstraint(
            model_name="told",
            constraint=models.UniqueConstraint(fields=("alert", "recipient", "purpose"), name="told_once"),
        ),
        migrations.RunPython(_link, migrations.RunPython.noop),
    ]
