"""Corrections of cases, and who reviewed which result."""

import django.db.models.deletion
from django.db import migrations, models

_PROTECT = django.db.models.deletion.PROTECT


class Migration(migrations.Migration):
    """Two tables."""

    dependencies: list[tuple[str, str]] = [("skindose", "0002_sums")]

    operations = [
        migrations.CreateModel(
            name="Correction",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=32, unique=True)),
                ("document", models.TextField()),
                ("by", models.CharField(blank=True, default="", max_length=200)),
                ("reason", models.CharField(max_length=2000)),
                ("at", models.DateTimeField()),
                ("undone_by", models.CharField(blank=True, default="", max_length=200)),
                ("undone_reason", models.CharField(blank=True, default="", max_length=2000)),
                ("undone_at", models.DateTimeField(null=True)),
                ("procedure", models.ForeignKey(on_delete=_PROTECT, related_name="+", to="skindose.procedure")),
            ],
        ),
        migrations.CreateModel(
            name="Signoff",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("by", models.CharField(blank=True, default="", max_length=200)),
                ("role", models.CharField(blank=True, default="", max_length=200)),
                ("note", models.CharField(blank=True, default="", max_length=2000)),
                ("at", models.DateTimeField()),
                ("computation", models.ForeignKey(on_delete=_PROTECT, related_name="+", to="skindose.computation")),
            ],
        ),
    ]
