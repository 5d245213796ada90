"""DICOM file -> Procedure: reads, merges and writes X-ray radiation dose structured reports."""

from skindose.rdsr.identity import Identity, identity
from skindose.rdsr.merge import merge
from skindose.rdsr.read import read, read_bytes

__all__ = ["Identity", "identity", "merge", "read", "read_bytes"]
