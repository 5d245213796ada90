"""Who is told of an alert, where, and by when: alerts.toml in the registry's folder."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from skindose.config import first_mistake, is_mail_address, read_toml
from skindose.notify import MailServer
from skindose.triggers.rules import Role

FILE = "alerts.toml"
WORKING_DAY = "1 working day"
_FRIDAY = 4

Whole = Annotated[int, Field(ge=1, le=720, strict=True)]


def _addresses(given: tuple[str, ...]) -> tuple[str, ...]:
    for address in given:
        if not is_mail_address(address):
            raise PydanticCustomError("address", "an address is not of the form name@example.org")
    return given


class Recipient(BaseModel):
    """Who holds a role.

    rooms   stations as their reports name them; empty: every room
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    role: Role
    to: Annotated[tuple[str, ...], Field(min_length=1)]
    deputies: tuple[str, ...] = ()
    rooms: tuple[str, ...] = ()

    _are_addresses = field_validator("to", "deputies")(_addresses)


class People(BaseModel):
    """Keys of alerts.toml, every default visible."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    recipient: tuple[Recipient, ...] = Field((), description="one table [[recipient]] for each role, or role and rooms")
    room: dict[str, str] = Field(
        {}, description="station -> name of the room in a mail; without it the room is not named"
    )
    administrators: tuple[str, ...] = Field((), description="who gets the digest of what failed")
    acknowledge_within_hours: tuple[Whole | None, Whole | None, Whole | None, Whole | None] = Field(
        (None, 4, 1, 1), description="by severity 1 to 4; 0 in the file: one working day"
    )
    mail_procedures_within_days: Annotated[int, Field(ge=0, le=3660, strict=True)] = Field(
        30, description="alerts of older procedures, of a backlog for instance, are listed and not mailed; 0: no limit"
    )
    base_address: str = Field("", description="where a reader logs in, https://dose.example.org; empty: no link")
    picture: bool = Field(True, strict=True, description="put the map's picture into the mail")
    time_zone: str = Field("", description="of the times in a mail, Europe/Berlin; empty: this machine's")
    mail: MailServer | None = None

    _are_addresses = field_validator("administrators")(_addresses)

    @field_validator("acknowledge_within_hours", mode="before")
    @classmethod
    def _zero_is_a_day(cls, given: Any) -> Any:
        """TOML has no null."""
        return [None if hours == 0 else hours for hours in given] if isinstance(given, list | tuple) else given

    @field_validator("time_zone")
    @classmethod
    def _is_known(cls, given: str) -> str:
        if given:
            try:
                ZoneInfo(given)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                raise PydanticCustomError("zone", "there is no such time zone") from None
        return given

    def addresses(self, role: str, station: str) -> tuple[str, ...]:
        """Who has a role in a room: those of this room, and those of every room."""
        return _once(address for one in self._holders(role, station) for address in one.to)

    def deputies(self, role: str, station: str) -> tuple[str, ...]:
        """Who stands in for them."""
        return _once(address for one in self._holders(role, station) for address in one.deputies)

    def _holders(self, role: str, station: str) -> list[Recipient]:
        return [one for one in self.recipient if one.role == role and (not one.rooms or station in one.rooms)]

    def until(self, severity: int, moment: datetime) -> datetime:
        """By when an alert of this moment must be acknowledged, in the site's time.

        A working day ends at the same time of the next day from Monday to Friday; holidays are not known.
        """
        hours = self.acknowledge_within_hours[severity - 1]
        if hours is not None:
            return self.local(moment + timedelta(hours=hours))
        end = self.local(moment) + timedelta(days=1)
        while end.weekday() > _FRIDAY:
            end += timedelta(days=1)
        return end

    def not_mailed(self, study_date: str, moment: datetime) -> str:
        """Why an alert of a procedure of this day is not mailed any more; "" where it is.

        study_date   ISO 8601; a procedure that does not state its day counts as new
        """
        days = self.mail_procedures_within_days
        try:
            age = (self.local(moment).date() - date.fromisoformat(study_date)).days
        except ValueError:
            return ""
        return f"not mailed: procedure older than {days} days" if days and age > days else ""

    def local(self, moment: datetime) -> datetime:
        """A moment in the site's time."""
        zone: tzinfo | None = ZoneInfo(self.time_zone) if self.time_zone else None
        return moment.astimezone(UTC).astimezone(zone)

    @property
    def domain(self) -> str:
        """What stands behind the @ of a Message-ID."""
        host = self.mail.sender.rpartition("@")[2] if self.mail else ""
        return host if host.isascii() and host else "skindose.invalid"


def _once(addresses: Any) -> tuple[str, ...]:
    return tuple({address.lower(): address for address in addresses}.values())


def load(folder: Path) -> People:
    """Who is told; nobody where the folder has no alerts.toml.

    raises   SettingsError: file, key, what is wrong with it
    """
    return parse(read_toml(folder / FILE, FILE, optional=True))


def parse(given: Mapping[str, Any]) -> People:
    """From the keys of alerts.toml.

    raises   SettingsError
    """
    values = dict(given)
    if isinstance(values.get("mail"), Mapping):
        values["mail"] = MailServer.load(values["mail"], f"{FILE} [mail]")
    try:
        return People(**values)
    except ValidationError as error:
        raise first_mistake(error, People, FILE) from None
