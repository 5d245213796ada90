"""A name typed into a description or a protocol does not leave the file; other words do."""

from skindose.rdsr import read_bytes
from skindose.rdsr.write import WrittenEvent, WrittenProcedure, to_bytes


def test_typed_identifiers_are_taken_out():
    event = WrittenEvent(air_kerma_rp_mgy=5.0, kap_gycm2=0.5, protocol="Coro JANSEN 15 p/s")
    written = WrittenProcedure(
        events=(event,),
        description="PCI of Jansen, 471100",
        station="Lab 2 Jansen",
        patient_name="JANSEN^Anna",
        patient_id="471100",
    )
    found = read_bytes(to_bytes(written), "case.dcm")
    assert found.header.description == "PCI of [removed], [removed]"
    assert found.header.station == "Lab 2 [removed]"
    texts = [item.text for item in found.events[0].walk() if item.name == "acquisition_protocol"]
    assert texts == ["Coro [removed] 15 p/s"]
