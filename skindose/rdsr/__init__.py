"""DICOM file -> Procedure: reads, merges and writes X-ray radiation dose structured reports."""

from skindose.rdsr.arrival import Arrival, arrival
from skindose.rdsr.identity import Identity, identity
from skindose.rdsr.merge import merge
from skindose.rdsr.read import file_bytes, read, read_bytes

__all__ = ["Arrival", "Identity", "arrival", "file_bytes", "identity", "merge", "read", "read_bytes"]
