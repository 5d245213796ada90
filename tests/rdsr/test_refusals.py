"""What cannot be used is refused in one line that names the file, says what it is, what to do, and no patient."""

import os

import pytest

from skindose.errors import InputError
from skindose.rdsr import read, read_bytes
from skindose.rdsr.demo import demo_procedure
from skindose.rdsr.walk import MAX_DEPTH
from skindose.rdsr.write import to_bytes
from tests.rdsr import build
from tests.rdsr.build import coded, container, event, num, report, totals

NAME = "given file.dcm"


def line(error):
    """The message, after checking what holds for every message."""
    message = str(error)
    assert "\n" not in message
    assert message.isprintable()
    assert message.startswith(f"{NAME}: ")
    assert error.remedy.endswith(".")
    assert error.remedy in message
    assert "SECRET" not in message
    assert "Traceback" not in message
    return message


def refused(data):
    with pytest.raises(InputError) as caught:
        read_bytes(data, NAME)
    return line(caught.value)


def refused_report(*items, **header):
    return refused(build.encoded(report(*items, **header)))


SR = "1.2.840.10008.5.1.4.1.1.88."


@pytest.mark.parametrize(
    ("sop_class", "modality", "says"),
    [
        (SR + "68", "SR", "radiopharmaceutical dose report"),
        (SR + "73", "SR", "patient radiation dose report"),
        (SR + "76", "SR", "enhanced X-ray radiation dose report, which is not supported yet"),
        (SR + "59", "KO", "key object selection"),
        (SR + "50", "SR", "mammography CAD"),
        (SR + "40", "SR", "procedure log"),
        ("1.2.840.10008.5.1.4.1.1.2", "CT", "an image (CT Image Storage)"),
        ("1.2.840.10008.5.1.4.1.1.12.1", "XA", "an image (X-Ray Angiographic Image Storage)"),
        ("1.2.840.10008.5.1.4.1.1.1.2", "MG", "an image (Digital Mammography"),
        ("1.2.840.10008.5.1.4.1.1.104.1", "DOC", "PDF"),
        ("1.2.840.10008.1.3.10", "", "DICOMDIR"),
        ("1.2.840.10008.5.1.4.1.1.481.5", "RTPLAN", "another kind (RT Plan Storage)"),
        ("1.2.3.4.5", "XX", "another kind"),
        ("no\x1b[31m UID at\nall", "x" * 99, "another kind (modality unknown)"),
    ],
)
def test_other_objects_are_named(sop_class, modality, says):
    header = {"Rows": 2} if "image" in says else {}
    assert says in refused_report(event(1), sop_class=sop_class, modality=modality, **header)


def test_an_image_is_named_whatever_its_pixels_are():
    made = report(sop_class="1.2.840.10008.5.1.4.1.1.2", modality="CT", Rows=2, Columns=2)
    made.add_new(0x7FE00010, "OW", b"\xfe\xff\x00\xe0" * 2)
    assert "an image (CT Image Storage)" in refused(build.encoded(made))


CT = ("77477000", "SCT", "Computed Tomography X-Ray")
MAMMOGRAPHY = ("71651007", "SCT", "Mammography")
REPORTED = ("121058", "DCM", "Procedure reported")
BREAST_DOSE = ("111631", "DCM", "Average Glandular Dose")
MOLYBDENUM = ("C-150F9", "SRT", "Molybdenum or Molybdenum compound")
TARGET = ("111632", "DCM", "Anode Target Material")
EXPOSURE = num(("113736", "DCM", "Exposure"), "500", unit="uA.s")


@pytest.mark.parametrize(
    ("items", "says"),
    [
        ((coded(REPORTED, CT), event(1)), "a CT dose report"),
        ((coded(REPORTED, ("P5-08000", "SRT", "CT")), event(1)), "a CT dose report"),
        ((container(("113819", "DCM", "CT Acquisition")), event(1)), "a CT dose report"),
        ((coded(REPORTED, MAMMOGRAPHY), event(1)), "a mammography dose report"),
        ((event(1, coded(TARGET, MOLYBDENUM)),), "a mammography dose report"),
        ((container(build.EVENT, build.uidref(build.EVENT_UID, "1"), num(BREAST_DOSE, "1.2", unit="mGy")),),
         "a mammography dose report"),
        ((coded(REPORTED, ("113704", "DCM", "Projection X-Ray")),), "neither irradiation events nor totals"),
        ((container(build.EVENT, build.uidref(build.EVENT_UID, "1"), EXPOSURE),), "no dose"),
        ((event(1, kerma=""), totals(kerma="")), "no dose"),
    ],
)  # fmt: skip
def test_other_reports_are_named(items, says):
    assert says in refused_report(*items)


def test_another_root_is_named():
    made = report(event(1))
    made.ConceptNameCodeSequence = [build.code(("113500", "DCM", "Radiopharmaceutical Radiation Dose Report"))]
    assert "radiopharmaceutical" in refused(build.encoded(made))


def test_a_report_in_free_text_is_named():
    free = build.text(("121106", "DCM", "Comment"), build.NAME)
    assert "a basic text report" in refused_report(free, sop_class=SR + "11")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "the file is empty"),
        (b"patient;dose\n" + build.NAME.encode() + b";7\n", "not a DICOM file"),
        (b"x" * 5000, "not a DICOM file"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 500, "not a DICOM file"),
        (b"\0" * 5000, "not a DICOM file"),
        (b"\0" * 128 + b"DICM", "cut short"),
        (b"\x08\0\0\0\0\0\0\0", "not a DICOM file"),
    ],
)
def test_what_is_not_dicom_is_said(data, says):
    assert says in refused(data)


@pytest.mark.parametrize("syntax", [build.EXPLICIT, build.IMPLICIT, build.BIG_ENDIAN, build.DEFLATED])
def test_a_file_cut_anywhere_is_never_read_as_shorter(syntax):
    whole = build.encoded(report(event(1), event(2), event(3), totals()), syntax)
    said = set()
    for length in range(140, len(whole)):
        said.add(refused(whole[:length]).split(". ")[0])
    assert {message for message in said if "cut short" not in message} == set()


def test_a_long_report_cut_in_a_hundred_places_is_cut_short():
    whole = to_bytes(demo_procedure())
    for share in range(1, 100):
        assert "cut short" in refused(whole[: len(whole) * share // 100])


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_a_file_whose_end_was_never_written_is_damaged(share):
    whole = to_bytes(demo_procedure())
    kept = int(len(whole) * share)
    message = refused(whole[:kept] + b"\0" * (len(whole) - kept))
    assert "damaged" in message or "cut short" in message


def test_a_hole_in_the_middle_is_damage():
    whole = build.encoded(report(*(event(number) for number in range(1, 20))))
    for start in range(400, len(whole) - 60, 37):
        message = refused(whole[:start] + whole[start + 50 :])
        assert "damaged" in message or "cut short" in message or "not an X-ray" in message


def test_a_file_compressed_wrongly_is_damaged():
    """Whether the compressor notices, or only that its end never comes, hangs on the bytes."""
    data = build.encoded(report(event(1)), build.DEFLATED)
    plain = build.encoded(report(event(1)))
    declared = plain.replace(build.EXPLICIT.encode() + b"\0", build.DEFLATED.encode().ljust(20, b"\0"), 1)
    for wrong in (data[:-30] + b"\xff" * 30, declared):
        message = refused(wrong)
        assert "damaged" in message or "cut short" in message


@pytest.mark.parametrize("depth", [100, 3000])
def test_endless_nesting_is_damage(depth):
    inner = b""
    for _ in range(depth):
        item = b"\xfe\xff\x00\xe0" + len(inner).to_bytes(4, "little") + inner
        inner = b"\x40\0\x30\xa7SQ\0\0" + len(item).to_bytes(4, "little") + item
    head = build.encoded(report())
    assert "nested too deeply" in refused(head + inner)


def test_deep_but_sane_nesting_is_read():
    made = event(1)
    for _ in range(MAX_DEPTH - 5):
        made = container(("1", "99ACME", "group"), made)
    assert len(read_bytes(build.encoded(report(made)), NAME).events) == 1


def test_nothing_at_the_path(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / NAME)


def test_a_folder(tmp_path):
    (tmp_path / NAME).mkdir()
    with pytest.raises(InputError) as caught:
        read(tmp_path / NAME)
    assert "this is a folder" in line(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_named_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / NAME)
    with pytest.raises(InputError) as caught:
        read(tmp_path / NAME)
    assert "not a regular file" in line(caught.value)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the administrator may read everything")
def test_no_permission(tmp_path):
    (tmp_path / NAME).write_bytes(b"x")
    (tmp_path / NAME).chmod(0)
    with pytest.raises(InputError) as caught:
        read(tmp_path / NAME)
    assert "no permission" in line(caught.value)


def test_a_path_through_a_file_and_a_name_too_long(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    for path in (tmp_path / "file" / NAME, tmp_path / ("x" * 300)):
        with pytest.raises(InputError) as caught:
            read(path)
        assert caught.value.remedy


@pytest.mark.parametrize("name", ["two\nlines.dcm", "red\x1b[31m.dcm", "b\udcffad.dcm"])
def test_odd_names_of_files_stay_in_one_line(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(InputError) as caught:
        read(tmp_path / name)
    assert str(caught.value).isprintable()
    (tmp_path / name).write_bytes(build.encoded(report(event(1))))
    assert read(tmp_path / name).inputs[0].name.isprintable()
