"""What is no usable dose report is told in one line; files of one study are one procedure, whatever their order."""

import io
from dataclasses import replace

import numpy as np
import pydicom
import pytest

from skindose import rdsr
from skindose.errors import InputError
from skindose.rdsr.collect import event_uid
from skindose.rdsr.write import WrittenEvent, WrittenProcedure, data_set, to_bytes

SECRET = WrittenProcedure(
    events=(WrittenEvent(air_kerma_rp_mgy=5.0, kap_gycm2=0.5),), patient_name="DOE^JANE", patient_id="ID-4711"
)


def as_bytes(report):
    out = io.BytesIO()
    report.save_as(out, enforce_file_format=True)
    return out.getvalue()


def changed(**keywords):
    report = data_set(SECRET)
    for keyword, value in keywords.items():
        setattr(report, keyword, value)
    report.file_meta.MediaStorageSOPClassUID = report.SOPClassUID
    return as_bytes(report)


def ct_report():
    report = data_set(SECRET)
    report.ContentSequence[0].ConceptCodeSequence[0].CodeValue = "77477000"
    return as_bytes(report)


def without_dose():
    report = data_set(SECRET)
    report.ContentSequence = report.ContentSequence[:4]
    return as_bytes(report)


def image():
    report = data_set(SECRET)
    del report.ContentSequence
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.12.1"
    report.Modality, report.Rows, report.Columns, report.BitsAllocated = "XA", 4, 4, 8
    report.PixelData = np.zeros(16, np.uint8).tobytes()
    return as_bytes(report)


SR = "1.2.840.10008.5.1.4.1.1.88."
REFUSED = {
    "text": (lambda: b"Dear colleague, " * 40, "not a DICOM"),
    "empty": (lambda: b"", "empty"),
    "image": (image, "image"),
    "CT dose report": (ct_report, "CT dose report"),
    "radiopharmaceutical": (lambda: changed(SOPClassUID=SR + "68"), "radiopharmaceutical"),
    "patient dose": (lambda: changed(SOPClassUID=SR + "73"), "patient radiation dose"),
    "enhanced X-ray dose": (lambda: changed(SOPClassUID=SR + "76"), "enhanced X-ray"),
    "key objects": (lambda: changed(SOPClassUID=SR + "59"), "key object"),
    "nothing in it": (without_dose, "neither"),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_no_dose_report_is_named_in_one_line(name):
    make, word = REFUSED[name]
    with pytest.raises(InputError) as caught:
        rdsr.read_bytes(make(), "case.dcm")
    line = str(caught.value)
    assert word.lower() in line.lower()
    assert line.startswith("case.dcm: ")
    assert "\n" not in line
    assert caught.value.remedy
    assert "DOE" not in line
    assert "4711" not in line


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.95, 0.999])
def test_a_file_cut_short_is_never_read_as_far_as_it_goes(share):
    data = to_bytes(replace(SECRET, events=SECRET.events * 20))
    with pytest.raises(InputError, match="cut short"):
        rdsr.read_bytes(data[: int(share * len(data))], "case.dcm")


def report_of(*names, **changes):
    events = tuple(WrittenEvent(air_kerma_rp_mgy=5.0, kap_gycm2=0.5, uid=f"1.2.3.{name}") for name in names)
    return rdsr.read_bytes(to_bytes(WrittenProcedure(events=events, **changes)), f"{'-'.join(map(str, names))}.dcm")


def uids(procedure):
    return sorted(event_uid(event) for event in procedure.events)


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize(
    ("first", "second", "kept_totals"),
    [((1, 2), (1, 2, 3), 1), ((1, 2), (3, 4), 2), ((1, 2), (2, 3), 2)],
    ids=["superset", "continued", "overlap"],
)
def test_files_of_one_study_are_joined_by_event(first, second, kept_totals, swap):
    reports = [report_of(*first), report_of(*second)]
    (merged,) = rdsr.merge(reports[::-1] if swap else reports)
    assert uids(merged) == sorted(f"1.2.3.{name}" for name in {*first, *second})
    assert len(merged.accumulated) == kept_totals
    assert len(merged.inputs) == 2


def test_files_of_two_studies_stay_apart():
    assert len(rdsr.merge([report_of(1), report_of(1, seed="other")])) == 2


def test_pydicom_reads_what_is_written():
    report = pydicom.dcmread(io.BytesIO(to_bytes(SECRET)))
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "10001"
