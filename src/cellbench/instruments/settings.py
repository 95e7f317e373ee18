"""What a technician states about an instrument: the settings models that drivers declare.

The rig file is checked against these models before anything is opened, so they know addresses and
ranges, and nothing of protocols.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cellbench.base.errors import RigError

FORMS: Mapping[str, str] = {
    r"^[a-z][a-z_\-]{0,30}[0-9]{0,2}$": "role of a port",
    r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,31}$": "a name: up to 32 letters, digits, dots, hyphens and underscores",
    r"^[a-z][a-z0-9\-]{0,31}$": "a role: up to 32 lower-case letters, digits and hyphens",
    r"^[a-z][a-z0-9_]{0,63}$": "a name: lower-case letters, digits and underscores",
    r"^[0-9]{1,3}-[0-9]{1,3}(\.[0-9]{1,3}){0,6}$": "a USB location as below /sys/bus/usb/devices, like 1-4.2",
    r"^[0-9]{1,3}(-[0-9]{1,3}(\.[0-9]{1,3}){0,6})?$": "a hub's USB location, like 1-1.4 or 1",
    r"^(/.+|rfc2217://.+:[0-9]+|socket://.+:[0-9]+)$": "a device path, rfc2217://host:port or socket://host:port",
    r"^/.+$": "an absolute path",
    r"^ftdi://[^/]+/[1-4]$": "a chip and interface as pyftdi writes them, like ftdi://ftdi:232h/1",
    r"^[A-Za-z0-9_.:\-]+$": "a host name or address",
    r"^[A-Za-z_][A-Za-z0-9_]*$": "the name of an environment variable",
    r"^[A-Za-z]+[^:]*::.+$": "a VISA resource, like TCPIP::192.168.1.20::5025::SOCKET",
    r"^[A-Za-z0-9_.\-]+$": "an access point name: letters, digits, dots, hyphens and underscores",
    r"^[0-9]{5,6}$": "a network code of 5 or 6 digits, in quotes",
    r"^\+?[0-9]{3,15}$": "a telephone number, in quotes",
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$": "a date like 2026-11-21",
    r"^[A-Za-z0-9_][A-Za-z0-9_.\-\\@]{0,63}$": "a user's name, on Windows with its domain like lab\\bench",
    r"^[!-~]{1,64}$": "a release as ATI9 tells it, like 02.00,A01.22",
    r"^[0-9a-fA-F]{32}$": "32 hexadecimal digits, as md5sum prints them",
    r"^[0-9a-fA-F]{64}$": "64 hexadecimal digits, as sha256sum prints them",
    r"^[0-9]{15}$": "an IMEI, 15 digits in quotes",
}
"""What the patterns of the models mean, for messages and documents."""

Text = Annotated[str, Field(min_length=1, max_length=200)]
Host = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9_.:\-]+$")]
TcpPort = Annotated[int, Field(ge=1, le=65535)]


class Strict(BaseModel):
    """Base of all that is read from a file: frozen, no unknown keys, no silent conversion."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False,
                              use_attribute_docstrings=True)


class Secret(Strict):
    """A secret by reference: exactly one of `env` and `file`; the secret itself never stands in the file."""

    env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    """Name of the environment variable that holds the secret."""
    file: Text | None = None
    """File outside the repository that holds the secret on its first line; `~` is the home directory."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Secret:
        if (self.env is None) == (self.file is None):
            raise ValueError("give exactly one of env and file")
        return self


class InstrumentSettings(Strict):
    """What every instrument states; a driver's own settings derive from this."""

    kind: Text
    """The driver: `<class>.<model>`."""


class VisaSettings(InstrumentSettings):
    """An instrument reached through VISA."""

    resource: Annotated[str, Field(min_length=5, max_length=200, pattern=r"^[A-Za-z]+[^:]*::.+$")]
    """VISA resource, for example `TCPIP::192.168.1.20::5025::SOCKET` or `ASRL/dev/ttyUSB0::INSTR`."""
    identity: Text | None = None
    """What the answer to *IDN? must begin with; the instrument is refused when it does not."""
    rate_bit_s: Annotated[int, Field(ge=300, le=4_000_000)] | None = None
    """Rate of a serial line, in bit/s; unset: the family's factory setting."""
    flow: Literal["none", "rts-cts", "xon-xoff"] | None = None
    """Flow control of a serial line; unset: the family's factory setting."""
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    """Longest wait for one answer, in seconds."""


class ScpiSupplySettings(VisaSettings):
    """A supply with remote commands, reached through VISA."""

    channels: Annotated[int, Field(ge=1, le=16)] | None = None
    """How many channels it has; unset: not checked before it is opened."""


class RelayBoardSettings(InstrumentSettings):
    """A relay board reached over TCP."""

    host: Host
    """Name or address of the board."""
    port: TcpPort = 23
    """TCP port."""
    user: Text | None = None
    """User name, where the board asks for one."""
    password: Secret | None = None
    """Password, by reference, where the board asks for one."""
    relays: Annotated[int, Field(ge=1, le=64)] = 32
    """How many relays it has; pins count from 0."""
    inputs: Annotated[int, Field(ge=0, le=64)] = 32
    """How many digital inputs it has; inputs count from 0."""
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    """Longest wait for one answer, in seconds."""


class AnalyserSettings(VisaSettings):
    """A spectrum analyser or power meter, reached through VISA."""

    timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0
    """Longest wait for one answer, a whole sweep among them, in seconds."""


class AttenuatorSettings(VisaSettings):
    """A step attenuator, reached through VISA."""

    channels: Annotated[int, Field(ge=1, le=16)] = 1
    """How many channels it has."""


class SerialAttenuatorSettings(AttenuatorSettings):
    """A step attenuator whose words stand here, from its manual."""

    set: Text
    """Line that sets a channel: `{value}` is the attenuation in decibel, `{channel}` the channel."""
    ask: Text
    """Line that asks for a channel's attenuation."""
    answer: Text = "{number}"
    """Form of the answer to `ask`, a regular expression in which `{number}` is the attenuation."""
    accepted: Text | None = None
    """What it answers to `set`; unset: nothing."""
    identify: Text | None = None
    """Line that asks what it is, with `identity` for the beginning of its answer; unset: it cannot say."""
    line_end: Literal["lf", "cr", "cr-lf"] = "cr-lf"
    """End of lines, both ways."""
    digits: Annotated[int, Field(ge=0, le=3)] = 2
    """Decimals of `{value}`."""
    tolerance_db: Annotated[float, Field(ge=0, le=3)] = 0.13
    """What the attenuation read back may differ by, in decibel: half a step."""

    @model_validator(mode="after")
    def _can_be_told_apart(self) -> SerialAttenuatorSettings:
        if self.identity is not None and self.identify is None:
            raise ValueError("identity is the beginning of the answer to identify: give that line too")
        if "{value}" not in self.set:
            raise ValueError("set has no {value}")
        if self.answer.count("{number}") != 1:
            raise ValueError("answer has not one {number}")
        return self


class RelaySupplySettings(InstrumentSettings):
    """Contacts that only switch: a fixed source feeds the slots through a line board."""

    board: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,31}$")]
    """Name of an instrument of a `line.` kind."""
    pins: Annotated[tuple[Annotated[int, Field(ge=0, le=1023)], ...], Field(min_length=1, max_length=16)]
    """Relays or outputs of that instrument, from 0; the first is channel 1 of this supply."""
    inverted: bool = False
    """true when the slot is fed while the contact is open (normally closed contact)."""


S = TypeVar("S", bound=InstrumentSettings)


def _with_tuples(value: object) -> object:
    """A plain value with every list as a tuple, as the strict models have it."""
    if isinstance(value, Mapping):
        return {key: _with_tuples(one) for key, one in value.items()}
    return tuple(map(_with_tuples, value)) if isinstance(value, list | tuple) else value


def checked(model: type[S], kind: str, name: str, settings: Mapping[str, object]) -> S:
    """Settings as their model, for a driver that is handed a plain mapping; RigError names what is wrong."""
    try:
        return model.model_validate(_with_tuples({**settings, "kind": kind}))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise RigError(f"instrument {name}: {wrong}", remedy="correct its settings in the rig file") from None
