"""What a technician states about an instrument: the settings models that drivers declare.

The rig file is checked against these models before anything is opened, so they know addresses and
ranges, and nothing of protocols.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

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


class ScpiSupplySettings(InstrumentSettings):
    """A supply that speaks SCPI, reached through VISA."""

    resource: Annotated[str, Field(min_length=5, max_length=200, pattern=r"^[A-Za-z]+[0-9]*::.+$")]
    """VISA resource, for example `TCPIP::192.168.1.20::5025::SOCKET`."""
    identity: Text | None = None
    """What the answer to *IDN? must begin with; the instrument is refused when it does not."""
    channels: Annotated[int, Field(ge=1, le=16)] | None = None
    """How many channels it has; unset: not checked before it is opened."""
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    """Longest wait for one answer, in seconds."""


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
