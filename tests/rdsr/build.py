"""Dose reports put together item by item with pydicom, for what the writer never writes: quirks, other kinds."""

import io

from pydicom import config
from pydicom.dataset import Dataset, FileMetaDataset

from skindose.rdsr import read_bytes

X_RAY_DOSE = "1.2.840.10008.5.1.4.1.1.88.67"
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
DEFLATED, BIG_ENDIAN = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"
EVENT, TOTALS = ("113706", "DCM", "Irradiation Event X-Ray Data"), ("113702", "DCM", "Accumulated X-Ray Dose Data")
KERMA, KAP = ("113738", "DCM", "Dose (RP)"), ("122130", "DCM", "Dose Area Product")
EVENT_UID = ("113769", "DCM", "Irradiation Event UID")
TOTAL_KERMA = ("113725", "DCM", "Dose (RP) Total")
NAME, ID = "SECRET^PERSON", "SECRET-77"


def unchecked(**values):
    """A data set of any values, valid or not."""
    made = Dataset()
    with config.disable_value_validation():
        for keyword, value in values.items():
            setattr(made, keyword, value)
    return made


def code(coded):
    return unchecked(CodeValue=coded[0], CodingSchemeDesignator=coded[1], CodeMeaning=coded[2])


def item(kind, concept, **values):
    made = unchecked(RelationshipType="CONTAINS", ValueType=kind, **values)
    made.ConceptNameCodeSequence = [code(concept)]
    return made


def measured(value, unit="Gy"):
    """One Measured Value; `value` is the decimal string as it shall stand, also a wrong one."""
    made = Dataset()
    made.MeasurementUnitsCodeSequence = [code((unit, "UCUM", unit))]
    # NumericValue is DS; as LO it can hold words, and the bytes are the same but for the representation.
    made.add_new(0x0040A30A, "LO", value)
    return made


def num(concept, *values, unit="Gy", qualifier=""):
    """A NUM item: one Measured Value per string, none at all without any."""
    made = item("NUM", concept)
    with config.disable_value_validation():
        made.MeasuredValueSequence = [measured(value, unit) for value in values]
    if qualifier:
        made.NumericValueQualifierCodeSequence = [code((qualifier, "DCM", "qualifier"))]
    return made


def coded(concept, value, *children):
    made = item("CODE", concept, ConceptCodeSequence=[code(value)])
    if children:
        made.ContentSequence = list(children)
    return made


def text(concept, words):
    return item("TEXT", concept, TextValue=words)


def uidref(concept, uid):
    return item("UIDREF", concept, UID=uid)


def container(concept, *children):
    return item("CONTAINER", concept, ContinuityOfContent="SEPARATE", ContentSequence=list(children))


def event(number=1, *extra, kerma="0.01"):
    """An event of 10 mGy with its own UID, and `extra`."""
    return container(EVENT, uidref(EVENT_UID, f"1.2.3.{number}"), num(KERMA, kerma), *extra)


def totals(*extra, kerma="0.01"):
    return container(TOTALS, num(TOTAL_KERMA, kerma), *extra)


def report(*items, sop_class=X_RAY_DOSE, modality="SR", **header):
    """A report of these items at the root; its patient has a name and a number that no message may show."""
    made = unchecked(SOPClassUID=sop_class, SOPInstanceUID="1.2.3", StudyInstanceUID="1.2.4", Modality=modality,
                     PatientName=NAME, PatientID=ID)  # fmt: skip
    made.update(unchecked(**header))
    if items:
        made.ValueType, made.ContinuityOfContent = "CONTAINER", "SEPARATE"
        made.ConceptNameCodeSequence = [code(("113701", "DCM", "X-Ray Radiation Dose Report"))]
        made.ContentSequence = list(items)
    return made


def encoded(made, syntax=EXPLICIT, preamble=True):
    """The bytes of the file in a transfer syntax; without the preamble also without meta information."""
    out = io.BytesIO()
    with config.disable_value_validation():
        if not preamble:
            little, implicit = syntax != BIG_ENDIAN, syntax == IMPLICIT
            made.save_as(out, implicit_vr=implicit, little_endian=little, enforce_file_format=False)
            return out.getvalue()
        made.file_meta = FileMetaDataset()
        made.file_meta.TransferSyntaxUID = syntax
        made.file_meta.MediaStorageSOPClassUID = made.get("SOPClassUID", X_RAY_DOSE)
        made.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
        made.file_meta.ImplementationClassUID = "1.2.5"
        made.save_as(out, enforce_file_format=True)
    return out.getvalue()


def procedure(*items, **header):
    """What the reader makes of a report of these items."""
    return read_bytes(encoded(report(*items, **header)), "made.dcm")


def only(event_item, name):
    """The one item of this name in an event."""
    (found,) = [inner for inner in event_item.walk() if inner.name == name]
    return found
