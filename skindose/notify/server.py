"""A site's mail server: how it is reached, and how the program makes sure of it."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from skindose.config import first_mistake, is_mail_address
from skindose.errors import SettingsError


class MailServer(BaseModel):
    """A site's mail server, as a table of its configuration has it. The password itself never stands in it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:_-]+$")] = Field(description="name or address of the server")
    port: Annotated[int, Field(ge=1, le=65535, strict=True)] = Field(
        587, description="587 for starttls, 465 for tls, 25 for none"
    )
    security: Literal["starttls", "tls", "none"] = Field("starttls", description="how the connection is encrypted")
    allow_plaintext: bool = Field(
        False, strict=True, description="lets `none` leave this machine; never with a password"
    )
    sender: str = Field(description="address that alerts come from, and where bounces go")
    user: str = Field("", description="name to log in with; empty: no log-in")
    password_env: str = Field("", description="environment variable that holds the password")
    password_file: Path | None = Field(None, description="file that holds the password, in its first line")
    ca_file: Path | None = Field(None, description="certificates (PEM) to trust; default the system's")
    timeout_s: Annotated[float, Field(gt=0, le=300)] = Field(60.0, description="longest wait for one answer")
    client_name: str = Field("", pattern=r"^[A-Za-z0-9.:\[\]-]*$", description="how this machine presents itself")

    @classmethod
    def load(cls, values: Mapping[str, Any], where: str = "") -> MailServer:
        """From a table of a configuration file, which `where` names.

        raises   SettingsError: the key, what is wrong with it, what to write instead
        """
        try:
            return cls(**values)
        except ValidationError as error:
            mistake = first_mistake(error, cls, where)
            if mistake.what.startswith("password:"):
                mistake.remedy = "Put it into a file or an environment variable: password_file or password_env."
            raise SettingsError(mistake.what, mistake.where, mistake.remedy) from None

    @model_validator(mode="after")
    def _safe(self) -> MailServer:
        if not is_mail_address(self.sender):
            raise PydanticCustomError("sender", "sender is no mail address like alerts@example.org")
        if bool(self.user) != (bool(self.password_env) != (self.password_file is not None)):
            raise PydanticCustomError("user", "user goes with one of password_env and password_file, and they with it")
        if self.security == "none" and not is_loopback(self.host):
            if self.user:
                raise PydanticCustomError("plain", "a password is never sent without encryption: starttls or tls")
            if not self.allow_plaintext:
                raise PydanticCustomError(
                    "plain", "security = none leaves this machine unencrypted: starttls, tls, or allow_plaintext = true"
                )
        return self

    def password(self) -> str:
        """The password, "" without a log-in.

        raises   SettingsError naming the key; not the variable or the file, where somebody may have put the password
        """
        if not self.user:
            return ""
        if self.password_file is None:
            found, where = os.environ.get(self.password_env, ""), "password_env"
        else:
            where = "password_file"
            try:
                found = self.password_file.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
            except (OSError, UnicodeDecodeError):
                raise SettingsError(
                    "the mail password cannot be read", where, "Check the file that it names."
                ) from None
        if not found:
            raise SettingsError("there is no mail password", where, "Set what it names.")
        return found


def is_loopback(host: str) -> bool:
    """Whether a connection to this host stays on this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
