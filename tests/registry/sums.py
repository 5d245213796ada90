"""Procedures of one patient for the tests of sums: small, on a cylinder, through the registry's own functions."""

import dataclasses
import io
from functools import cache

from skindose import pipeline, rdsr, recipients, summing, triggers
from skindose.config import Settings
from skindose.pool import Pool
from skindose.rdsr.write import WrittenEvent, WrittenProcedure, data_set
from skindose.registry import computed
from skindose.report.summary import summary
from skindose.site import Site
from tests.registry import made

SETTINGS = Settings(phantom="cylinder", placement="table")
TEXT = """
id = "site"
title = "Levels of these tests"
[[rule]]
id = "site.alone"
title = "one procedure"
kind = "trigger"
severity = 2
provenance = "site"
source = "these tests"
recipients = ["operator"]
what_follows = "nothing"
[rule.levels]
psd = { level = 20.0, unit = "Gy" }
[[rule]]
id = "site.together"
title = "several procedures"
kind = "trigger"
severity = 3
window_days = 60
provenance = "site"
source = "these tests"
recipients = ["operator", "physicist"]
what_follows = "The physicist looks at the sum."
[rule.levels]
psd = { level = 3.0, unit = "Gy" }
kar = { level = 90.0, unit = "Gy" }
"""
RULES = triggers.parse(TEXT, "site.toml")


def event(number, primary, kerma_mgy):
    return WrittenEvent(
        air_kerma_rp_mgy=kerma_mgy,
        kap_gycm2=kerma_mgy / 10,
        uid=f"1.2.4.{number}",
        kvp_kv=80.0,
        positioner_primary_angle_deg=primary,
        positioner_secondary_angle_deg=0.0,
        distance_source_to_isocenter_mm=750.0,
        distance_source_to_detector_mm=1100.0,
        table_longitudinal_position_mm=0.0,
        table_lateral_position_mm=400.0,
        table_height_position_mm=150.0,
    )


@cache
def report(study, date, events=((1, 0.0, 1500.0),), number=made.NUMBER, issuer="HOSPITAL", **more):
    """Bytes of a report; events are (number, primary angle, mGy)."""
    described = WrittenProcedure(
        tuple(event(*one) for one in events), seed=study, date=date, patient_id=number, patient_name=made.NAME,
        **({"description": "PCI", "height_cm": 178.0, "weight_kg": 80.0, "sex": "M"} | more),
    )  # fmt: skip
    found = data_set(described)
    found.IssuerOfPatientID = issuer
    out = io.BytesIO()
    found.save_as(out, enforce_file_format=True)
    return out.getvalue()


@cache
def result(*datas):
    (procedure,) = rdsr.merge([rdsr.read_bytes(data, "report.dcm") for data in datas])
    return pipeline.compute_case(dataclasses.replace(pipeline.prepare(procedure, SETTINGS), rules=RULES), sampled=False)


def stored(*datas, **configuration):
    found = result(*datas)
    return computed(found, summary(found), configuration)


def people():
    return recipients.parse(
        {
            "recipient": [
                {"role": "operator", "to": ["anna@example.org"]},
                {"role": "physicist", "to": ["bert@example.org"]},
            ],
            "mail_procedures_within_days": 0,
        }
    )


def raising(registry, who="Dr. Physicist"):
    """The registry, which raises alerts under rules that this physicist signed."""
    from skindose.registry import alerts

    hooks = {
        "hook": alerts.raising(RULES, people(), lambda _: who),
        "summed": alerts.raising_of_sums(RULES, people(), lambda _: who),
    }
    return dataclasses.replace(registry, **hooks)


def receive(registry, data, purpose="patient"):
    from skindose.registry import store

    return store.receive(registry, made.incoming(data, purpose), stored(data))


def follow(registry, site=None):
    """Make the sums that are due; the case numbers, once for each window."""
    found = list(summing.follow(registry, RULES, site or Site(), Pool(1)))
    assert not [one.reason for one in found if one.reason]
    return [one.case_number for one in found]
