"""Commissioning: a marker centred at known places of the table top tells what a machine's readings mean.

outcome = commission(rdsr.read(shots), read_marks(path))
outcome.profile_text(by="A. Physicist", date=today)
"""

from skindose.commission.marks import read as read_marks
from skindose.commission.outcome import Outcome, commission, form, refuse_existing, summary, write_text

__all__ = ["Outcome", "commission", "form", "read_marks", "refuse_existing", "summary", "write_text"]
