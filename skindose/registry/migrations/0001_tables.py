"""The tables of models.py, as `makemigrations` writes them."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """All tables."""

    initial = True

    dependencies: list[tuple[str, str]] = []

    operations = [
        migrations.CreateModel(
            name="Alert",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("rule", models.CharField(blank=True, default="", max_length=200)),
                ("quantity", models.CharField(blank=True, default="", max_length=200)),
                ("level", models.CharField(max_length=40)),
                ("severity", models.IntegerField(default=1)),
                ("state", models.CharField(max_length=20)),
                ("raised_at", models.DateTimeField()),
                ("due_at", models.DateTimeField(null=True)),
                ("document", models.TextField(default="{}")),
            ],
        ),
        migrations.CreateModel(
            name="Audit",
            fields=[
                ("seq", models.BigIntegerField(primary_key=True, serialize=False)),
                ("at", models.CharField(max_length=40)),
                ("who", models.CharField(blank=True, default="", max_length=200)),
                ("what", models.CharField(blank=True, default="", max_length=200)),
                ("details", models.TextField()),
                ("rows", models.TextField()),
                ("former", models.CharField(max_length=64)),
                ("digest", models.CharField(max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name="Blob",
            fields=[
                ("sha256", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=20)),
                ("size", models.BigIntegerField()),
                ("packing", models.CharField(max_length=10)),
                ("content", models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name="Claim",
            fields=[
                ("key", models.CharField(max_length=200, primary_key=True, serialize=False)),
                ("by", models.CharField(blank=True, default="", max_length=200)),
                ("until", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Patient",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("pseudonym", models.CharField(max_length=64, unique=True)),
                ("issuer_stated", models.BooleanField()),
                ("since", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Quarantined",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=64, unique=True)),
                ("path", models.CharField(max_length=2000)),
                ("reason", models.CharField(max_length=2000)),
                ("remedy", models.CharField(blank=True, default="", max_length=2000)),
                ("since", models.DateTimeField()),
                ("settled", models.BooleanField(default=False)),
            ],
        ),
        migrations.CreateModel(
            name="Site",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key_check", models.CharField(max_length=64)),
                ("made_at", models.DateTimeField()),
                ("software", models.CharField(blank=True, default="", max_length=200)),
            ],
        ),
        migrations.CreateModel(
            name="Acknowledgement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("by", models.CharField(blank=True, default="", max_length=200)),
                ("at", models.DateTimeField()),
                ("note", models.CharField(blank=True, default="", max_length=2000)),
                (
                    "alert",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="skindose.alert"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Calibration",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(blank=True, default="", max_length=200)),
                ("signed_by", models.CharField(blank=True, default="", max_length=200)),
                ("since", models.DateTimeField()),
                (
                    "blob",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="skindose.blob"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Computation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.IntegerField()),
                ("made_at", models.DateTimeField()),
                ("why", models.CharField(blank=True, default="", max_length=200)),
                ("software", models.CharField(blank=True, default="", max_length=200)),
                ("inputs", models.TextField()),
                ("configuration", models.TextField()),
                ("configuration_sha256", models.CharField(max_length=64)),
                ("peak_skin_dose_mgy", models.FloatField(null=True)),
                ("air_kerma_mgy", models.FloatField(null=True)),
                ("kap_gycm2", models.FloatField(null=True)),
                ("fluoro_time_s", models.FloatField(null=True)),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="skindose.blob"
                    ),
                ),
                (
                    "map",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="skindose.blob"
                    ),
                ),
                (
                    "result",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="skindose.blob"
                    ),
                ),
                (
                    "skin",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="skindose.blob"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Finding",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("rule", models.CharField(blank=True, default="", max_length=200)),
                ("kind", models.CharField(blank=True, default="", max_length=200)),
                ("quantity", models.CharField(blank=True, default="", max_length=200)),
                ("value", models.FloatField(null=True)),
                ("level", models.FloatField(null=True)),
                ("unit", models.CharField(blank=True, default="", max_length=200)),
                ("fired", models.BooleanField(null=True)),
                ("steps", models.IntegerField(default=0)),
                ("probability", models.FloatField(null=True)),
                ("document", models.TextField()),
                (
                    "computation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="skindose.computation"
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="alert",
            name="finding",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="skindose.finding"
            ),
        ),
        migrations.CreateModel(
            name="Machine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("manufacturer", models.CharField(blank=True, default="", max_length=200)),
                ("model", models.CharField(blank=True, default="", max_length=200)),
                ("serial", models.CharField(blank=True, default="", max_length=200)),
                ("station", models.CharField(blank=True, default="", max_length=200)),
                ("since", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("manufacturer", "model", "serial", "station"), name="machine_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Outgoing",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("recipient", models.CharField(blank=True, default="", max_length=200)),
                ("role", models.CharField(blank=True, default="", max_length=200)),
                ("message_id", models.CharField(max_length=200, unique=True)),
                ("purpose", models.CharField(max_length=40)),
                ("state", models.CharField(db_index=True, max_length=20)),
                ("attempts", models.IntegerField(default=0)),
                ("next_at", models.DateTimeField(db_index=True, null=True)),
                ("last_error", models.CharField(blank=True, default="", max_length=2000)),
                ("delivered_at", models.DateTimeField(null=True)),
                ("document", models.TextField(default="{}")),
                (
                    "alert",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="skindose.alert"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Identifier",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("issuer", models.CharField(blank=True, default="", max_length=200)),
                ("number", models.CharField(blank=True, default="", max_length=200)),
                (
                    "patient",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="skindose.patient"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Procedure",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("study", models.CharField(max_length=200, unique=True)),
                ("case_number", models.CharField(max_length=20, unique=True)),
                ("study_date", models.CharField(blank=True, db_index=True, max_length=10)),
                ("description", models.CharField(blank=True, max_length=2000)),
                ("purpose", models.CharField(default="patient", max_length=20)),
                ("since", models.DateTimeField()),
                (
                    "machine",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="skindose.machine"
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="skindose.patient"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="FollowUp",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("what", models.CharField(blank=True, default="", max_length=200)),
                ("due", models.DateField(db_index=True)),
                ("state", models.CharField(max_length=20)),
                ("done_by", models.CharField(blank=True, default="", max_length=200)),
                ("done_at", models.DateTimeField(null=True)),
                ("outcome", models.CharField(blank=True, default="", max_length=2000)),
                (
                    "alert",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="skindose.alert"
                    ),
                ),
                (
                    "procedure",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="skindose.procedure"
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="computation",
            name="procedure",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="skindose.procedure"
            ),
        ),
        migrations.AddField(
            model_name="alert",
            name="procedure",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="skindose.procedure"
            ),
        ),
        migrations.CreateModel(
            name="Report",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sop_instance_uid", models.CharField(blank=True, db_index=True, default="", max_length=200)),
                ("software", models.CharField(blank=True, default="", max_length=200)),
                ("predecessors", models.TextField(default="[]")),
                ("received_at", models.DateTimeField()),
                ("retracted", models.BooleanField(default=False)),
                ("retracted_why", models.CharField(blank=True, default="", max_length=2000)),
                (
                    "blob",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="skindose.blob"
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="skindose.patient"
                    ),
                ),
                (
                    "procedure",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="skindose.procedure"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RuleSet",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(blank=True, default="", max_length=200)),
                ("signed_by", models.CharField(blank=True, default="", max_length=200)),
                ("signed_at", models.DateTimeField()),
                (
                    "blob",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="skindose.blob"
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="finding",
            index=models.Index(fields=["rule", "fired"], name="finding_rule"),
        ),
        migrations.AddConstraint(
            model_name="outgoing",
            constraint=models.UniqueConstraint(fields=("alert", "recipient", "purpose"), name="mail_once"),
        ),
        migrations.AddConstraint(
            model_name="computation",
            constraint=models.UniqueConstraint(fields=("procedure", "version"), name="version_once"),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.UniqueConstraint(fields=("procedure", "rule", "quantity", "level"), name="alert_once"),
        ),
    ]
