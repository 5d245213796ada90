"""Sums of a patient's procedures, and what rules said of them."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models


def _to(table: str, **kind: object) -> models.ForeignKey:
    return models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=table, **kind)


def _key() -> models.BigAutoField:
    return models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")


def _name() -> models.CharField:
    return models.CharField(blank=True, default="", max_length=200)


class Migration(migrations.Migration):
    """Two tables."""

    dependencies: ClassVar = [("skindose", "0002_append_only")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="Sum",
            fields=[
                ("id", _key()),
                ("window_days", models.IntegerField(null=True)),
                ("version", models.IntegerField()),
                ("made_at", models.DateTimeField()),
                ("software", _name()),
                ("parts", models.TextField()),
                ("peak_skin_dose_mgy", models.FloatField(null=True)),
                ("document", _to("skindose.blob")),
                ("map", _to("skindose.blob", null=True)),
                ("procedure", _to("skindose.procedure")),
            ],
        ),
        migrations.CreateModel(
            name="SumFinding",
            fields=[
                ("id", _key()),
                ("rule", _name()),
                ("quantity", _name()),
                ("fired", models.BooleanField(null=True)),
                ("document", models.TextField()),
                ("sum", _to("skindose.sum")),
            ],
        ),
        migrations.AddIndex(
            model_name="sum", index=models.Index(fields=["procedure", "window_days"], name="sum_window")
        ),
    ]
