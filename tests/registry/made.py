"""Small procedures for the registry's tests: written as DICOM, read, and computed once."""

import io
from functools import cache

from pydicom.dataset import Dataset

from skindose import pipeline, rdsr
from skindose.config import Settings
from skindose.rdsr.write import WrittenEvent, WrittenProcedure, data_set, uid
from skindose.registry import Incoming, computed
from skindose.report.summary import summary

SETTINGS = Settings(phantom="cylinder")
NUMBER, NAME = "PAT-4711-0815", "Quastenflosser^Egbert"


def event(number, kerma_mgy=1500.0):
    return WrittenEvent(
        air_kerma_rp_mgy=kerma_mgy,
        kap_gycm2=50.0,
        uid=f"1.2.3.{number}",
        started=f"202601010{8 + number // 60}{number % 60:02}00",
        kvp_kv=80.0,
        positioner_primary_angle_deg=0.0,
        positioner_secondary_angle_deg=0.0,
        distance_source_to_isocenter_mm=750.0,
        distance_source_to_detector_mm=1100.0,
    )


@cache
def report(study="a", events=(1, 2), instance="1", number=NUMBER, issuer="HOSPITAL", replaces=()):
    """Bytes of a report; `events` are numbers, the same number in two reports is the same event."""
    described = WrittenProcedure(
        tuple(event(one) for one in events), seed=study, patient_id=number, patient_name=NAME, description="PCI"
    )
    found = data_set(described)
    found.SOPInstanceUID = found.file_meta.MediaStorageSOPInstanceUID = instance_uid(study, instance)
    found.IssuerOfPatientID = issuer
    if replaces:
        found.PredecessorDocumentsSequence = [_reference(study, one) for one in replaces]
    out = io.BytesIO()
    found.save_as(out, enforce_file_format=True)
    return out.getvalue()


def instance_uid(study, instance):
    return uid(f"{study} {instance}")


def _reference(study, instance):
    reference, series, found = Dataset(), Dataset(), Dataset()
    reference.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.67"
    reference.ReferencedSOPInstanceUID = instance_uid(study, instance)
    series.SeriesInstanceUID = uid("series")
    series.ReferencedSOPSequence = [reference]
    found.StudyInstanceUID = uid(study)
    found.ReferencedSeriesSequence = [series]
    return found


def incoming(data, purpose="patient"):
    found = rdsr.arrival(data, "report.dcm")
    source = found.procedure.inputs[0]
    who = found.identity
    return Incoming(
        data, source.sha256, source.sop_instance_uid, found.procedure.header, who.issuer, who.number,
        found.predecessors, purpose,
    )  # fmt: skip


@cache
def result(*datas, settings=SETTINGS):
    """The result of these reports, joined."""
    (procedure,) = rdsr.merge([rdsr.read_bytes(data, "report.dcm") for data in datas])
    return pipeline.compute(procedure, settings, sampled=False)


def stored(*datas, settings=SETTINGS, configuration=None, why="first result"):
    found = result(*datas, settings=settings)
    return computed(found, summary(found), configuration or {"settings": settings.model_dump(mode="json")}, why)
