"""What `skindose doctor` looks at: each check by itself, so that what is broken hides nothing else.

Nothing is changed, made or migrated; one mail is sent where somebody asks for it.
"""

from skindose.health.examine import Options, examine
from skindose.health.notes import Note, State

__all__ = ["Note", "Options", "State", "examine"]
