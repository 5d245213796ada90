"""What can go wrong, in words for the person at the machine: what happened, where, what to do."""

from __future__ import annotations

import errno
import os
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the command line."""

    OK = 0
    SOME_FAILED = 1
    USAGE = 2


class SkindoseError(Exception):
    """Base of every error that a user can meet.

    what     one sentence without a full stop; never names a patient
    where    file name, rule file and line, option, ...
    remedy   what the reader can do about it
    """

    exit_code = ExitCode.SOME_FAILED

    def __init__(self, what: str, where: str = "", remedy: str = "") -> None:
        self.what = " ".join(what.split())
        self.where = "".join(sign if sign.isprintable() else "?" for sign in where)
        self.remedy = " ".join(remedy.split())
        super().__init__(str(self))

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}. {self.remedy}" if self.remedy else head

    def at(self, where: str) -> SkindoseError:
        """The same error, told where it happened, when the place was not known where it was raised."""
        return self if self.where else type(self)(self.what, where, self.remedy)


class InputError(SkindoseError):
    """A file that cannot be used: not DICOM, another kind of report, damaged."""


class UnitError(InputError):
    """A dose or length in a unit that is not known; never guessed."""


class PhantomError(SkindoseError):
    """A mesh that cannot serve as a body."""


class CommissioningError(SkindoseError):
    """Shots of a marker that contradict each other, or do not determine what a commissioned profile says."""


class OutputError(SkindoseError):
    """A result that could not be written."""


class SettingsError(SkindoseError):
    """An option, configuration, profile or rule file that is wrong."""

    exit_code = ExitCode.USAGE


class RegistryError(SkindoseError):
    """The registry cannot be used: locked, full, no access, of a newer program, another site's key."""


class DamagedError(RegistryError):
    """Something that the registry holds is missing or not what was written; the rest can be used."""


def reason(error: OSError | UnicodeError) -> str:
    """Why a file could not be read or written, in words.

    >>> reason(FileNotFoundError(2, "No such file or directory")), reason(UnicodeError())
    ('no such file or directory', 'not text in UTF-8')
    """
    if isinstance(error, UnicodeError):
        return "not text in UTF-8"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "no space left on the disk"
    return (error.strerror or str(error) or "unknown reason").lower()


NO_MEMORY = "not enough memory"
KEEP_FILE = "Keep the file and report it to the makers."


def unforeseen(error: BaseException, remedy: str = "") -> SkindoseError:
    """An error nobody planned for, as one of ours; SKINDOSE_DEBUG=1 raises it instead, for developers."""
    if os.environ.get("SKINDOSE_DEBUG") == "1":
        raise error
    return SkindoseError(f"an error inside the program ({type(error).__name__})", remedy=remedy)


def in_words(error: Exception, remedy: str) -> SkindoseError:
    """Whatever stopped the work on one file or case, as an error of ours: it is not the others' trouble.

    remedy   for one that nobody planned for
    """
    if isinstance(error, SkindoseError):
        return error
    if isinstance(error, MemoryError):
        return InputError(NO_MEMORY, remedy="Run fewer --jobs.")
    return unforeseen(error, remedy)
