"""No identifier of a report is in anything that the program says or writes, but where somebody asks for the report."""

import email
import io
import os
import re
import sqlite3
import time
import zlib
from email.policy import default

import pypdf
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from typer.testing import CliRunner

from skindose import cli
from skindose.rdsr.write import WrittenEvent, WrittenProcedure, data_set
from skindose.registry import open_registry
from tests import mailserver
from tests.alerts.whole import crew, sign
from tests.mailserver import Keys, Received

__all__ = ["crew"]
ROOT_UID = "1.2.826.0.1.3680043.99.471108"
# Whom it is about, who did it, where: nowhere at all.
PEOPLE = (
    "Zwielicht", "Kunigunde", "PID-77310942", "77310942", "19470113", "1947-01-13", "ACC-5520917", "Oberhuber", "Xaver",
    "Referensky", "Yolanda", "Nimmerlein", "Irrgasse", "STUDID-99321", "OTHER-660127", "Issuerix", "0613-555-0199",
    "Performinski", "REQ-818181", "Kommentarius", "Serienwort",
)  # fmt: skip
# Of the study and its moments: in result.json, the page and the database by their contract, in nothing that is sent,
# said or named.
STUDY = (ROOT_UID, "134627", "13:46:27", "135111", "13:51:11")


def report():
    """Over 6 Gy, with something to recognise in every attribute that may identify."""
    event = {"air_kerma_rp_mgy": 1500.0, "kap_gycm2": 50.0, "kvp_kv": 80.0}
    event |= {"distance_source_to_isocenter_mm": 750.0, "distance_source_to_detector_mm": 1100.0}
    events = tuple(
        WrittenEvent(started="20260101135111", uid=f"{ROOT_UID}.5.{number}", protocol="Run of Zwielicht", **event)
        for number in range(4)
    )
    described = WrittenProcedure(
        events, patient_name="Zwielicht^Kunigunde", patient_id="PID-77310942", description="PCI Zwielicht PID-77310942"
    )
    found = data_set(described)
    texts = {
        "IssuerOfPatientID": "Issuerix", "PatientBirthDate": "19470113", "AccessionNumber": "ACC-5520917",
        "OperatorsName": "Oberhuber^Xaver", "PerformingPhysicianName": "Performinski^P", "StudyID": "STUDID-99321",
        "ReferringPhysicianName": "Referensky^Yolanda", "NameOfPhysiciansReadingStudy": "Referensky^Yolanda",
        "InstitutionName": "Sankt-Nimmerlein-Spital", "InstitutionAddress": "Irrgasse 1", "StudyTime": "134627",
        "OtherPatientIDs": "OTHER-660127", "PatientTelephoneNumbers": "0613-555-0199", "SeriesTime": "134627",
        "SeriesDescription": "Serienwort", "PatientComments": "Kommentarius", "ContentTime": "134627",
        "InstitutionalDepartmentName": "Nimmerlein", "PatientAddress": "Irrgasse 2",
    }  # fmt: skip
    for keyword, text in texts.items():
        setattr(found, keyword, text)
    found.StudyInstanceUID, found.SeriesInstanceUID = f"{ROOT_UID}.1", f"{ROOT_UID}.2"
    found.SOPInstanceUID = found.file_meta.MediaStorageSOPInstanceUID = f"{ROOT_UID}.3"
    request = Dataset()
    request.AccessionNumber, request.RequestedProcedureID = "ACC-5520917", "REQ-818181"
    request.StudyInstanceUID, request.RequestedProcedureDescription = f"{ROOT_UID}.1", "PCI of Kunigunde"
    found.ReferencedRequestSequence = [request]
    out = io.BytesIO()
    found.save_as(out, enforce_file_format=True)
    return out.getvalue()


def run(*arguments):
    done = CliRunner().invoke(cli.app, [str(one) for one in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout + done.stderr


@pytest.fixture
def everything(sqlite_home, tmp_path, monkeypatch, crew):
    """(what is sent, said or named, what is written by contract) as texts by where they are, of a whole run."""
    monkeypatch.chdir(tmp_path)
    handler, keys = Received(), Keys(tmp_path)
    file = tmp_path / "feed" / "Zwielicht_Kunigunde_PID-77310942_19470113.dcm"
    file.parent.mkdir()
    file.write_bytes(report())
    os.utime(file, (time.time() - 60,) * 2)
    sign()
    log, out = tmp_path / "log.jsonl", tmp_path / "out"
    with mailserver.starttls(handler, keys) as port:
        crew(port, keys)
        alerts = sqlite_home / "alerts.toml"
        alerts.write_text(alerts.read_text(encoding="utf-8").replace("picture = false", "picture = true"), "utf-8")
        told = {"batch": run("batch", file.parent, "--log", log)}
    with open_registry():
        from skindose.registry import reading

        (row,) = reading.procedures()
    case = row.case_number
    for command in (
        ("alerts", "list"), ("alerts", "list", "--json"), ("alerts", "ack", case, "--by", "B. Nurse"),
        ("followup", "list"), ("registry", "list"), ("registry", "show", case), ("registry", "status", "--json"),
        ("registry", "verify"), ("registry", "export", case, out), ("picture", out / case), ("pdf", out / case),
    ):  # fmt: skip
        told[" ".join(map(str, command))] = run(*command)
    told["log"] = log.read_text(encoding="utf-8")
    told |= {f"mail {number}": decoded(data) for number, (_, _, data) in enumerate(handler.mails)}
    assert len(handler.mails) == 3
    made_files = [path for path in tmp_path.rglob("*") if path.parent != file.parent]
    told["names"] = "\n".join(str(path.relative_to(tmp_path)) for path in made_files)
    told |= {path.name: in_png(path.read_bytes()) for path in made_files if path.suffix == ".png"}
    told |= {path.name: in_pdf(path) for path in made_files if path.suffix == ".pdf"}
    kept = {
        f"{path.parent.name}/{path.name}": path.read_bytes().decode("latin-1")
        for path in (out / case).rglob("*")
        if path.is_file()
    }
    return told, kept | in_database(sqlite_home / "registry.sqlite3")


def decoded(data):
    """A mail as it came, and every part of it as a reader sees it."""
    mail = email.message_from_bytes(data, policy=default)
    parts = [part.get_content() for part in mail.walk() if not part.is_multipart()]
    shown = [part if isinstance(part, str) else in_png(part) for part in parts]
    return "\n".join([data.decode(), *shown])


def in_png(data):
    """What a picture carries beside its pixels."""
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return f"{picture.info} {picture.getexif()}"


def in_pdf(path):
    """Its texts, what it says of itself, and every stream unpacked."""
    document = pypdf.PdfReader(path)
    pages = [page.extract_text() for page in document.pages]
    streams = []
    for start in re.finditer(rb"stream\r?\n", data := path.read_bytes()):
        try:
            streams.append(zlib.decompressobj().decompress(data[start.end() :]).decode("latin-1"))
        except zlib.error:
            continue
    return "\n".join([*pages, str(document.metadata), data.decode("latin-1"), *streams])


def in_database(file):
    """Every row of every table but the reports themselves, objects unpacked."""
    texts = {}
    with sqlite3.connect(file) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if table == "skindose_blob":
                rows = database.execute("SELECT kind, packing, content FROM skindose_blob WHERE kind != 'rdsr'")
                texts |= {
                    f"{kind} {number}": (zlib.decompress(content) if packing else content).decode("latin-1")
                    for number, (kind, packing, content) in enumerate(rows)
                }
            else:
                texts[table] = "\n".join(map(str, database.execute(f"SELECT * FROM {table}").fetchall()))
    return texts


def found_in(texts, secrets):
    return sorted((where, secret) for where, text in texts.items() for secret in secrets if secret in text)


def test_no_identifier_is_sent_said_named_or_kept_outside_the_report(everything):
    told, kept = everything
    assert found_in({"report": report().decode("latin-1")}, PEOPLE + STUDY[:2] + STUDY[3:4]), "they are in the report"
    assert found_in(told, PEOPLE + STUDY) == []
    assert found_in(kept, PEOPLE) == []
