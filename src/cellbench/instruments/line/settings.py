"""What a technician states about boards of lines; ranges and addresses, nothing of protocols."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cellbench.instruments.settings import Host, InstrumentSettings, Secret, TcpPort

PortUrl = Annotated[str, Field(pattern=r"^(/.+|rfc2217://.+:[0-9]+|socket://.+:[0-9]+)$")]
Timeout = Annotated[float, Field(gt=0, le=60)]
GpioLine = Annotated[int, Field(ge=0, le=1023)]


class LcusSettings(InstrumentSettings):
    """A USB relay board of LC Technology's LCUS family."""

    url: PortUrl
    """Its serial port. CH340 adapters have no serial number: take the path below /dev/serial/by-path."""
    relays: Literal[1, 2, 4, 8]
    """How many relays it has; pins count from 0 (the board's relay 1)."""
    read_back: bool = True
    """false for boards that do not answer the status query FFh (many LCUS-1): nothing then confirms."""
    timeout_s: Timeout = 1.0
    """Longest wait for one answer, in seconds."""


class RelayAsciiSettings(InstrumentSettings):
    """A serial relay board that takes words."""

    family: Literal["numato-usb", "dsd-sh-ur"]
    """Whose words: Numato Lab's USB relay modules, or DSD TECH's SH-UR boards."""
    url: PortUrl
    """Its serial port, as a path below /dev/serial/by-id or by-path."""
    relays: Annotated[int, Field(ge=1, le=64)]
    """How many relays it has; pins count from 0."""
    inputs: Annotated[int, Field(ge=0, le=64)] = 0
    """How many digital inputs (Numato: GPIOs) it has; inputs count from 0."""
    timeout_s: Timeout = 2.0
    """Longest wait for one answer, in seconds."""


class RelayTcpSettings(InstrumentSettings):
    """A relay board that speaks Modbus over TCP: relays are coils, inputs are discrete inputs."""

    host: Host
    """Name or address of the board."""
    port: TcpPort = 502
    """TCP port; Waveshare boards come with 4196."""
    framing: Literal["tcp", "rtu"] = "tcp"
    """`tcp`: Modbus TCP; `rtu`: RTU frames with their CRC over the TCP connection."""
    unit: Annotated[int, Field(ge=0, le=255)] = 1
    """Modbus unit (device address)."""
    relays: Annotated[int, Field(ge=1, le=64)] = 8
    """How many relays it has; pins count from 0."""
    inputs: Annotated[int, Field(ge=0, le=64)] = 0
    """How many digital inputs it has; inputs count from 0."""
    first_coil: Annotated[int, Field(ge=0, le=65535)] = 0
    """Address of the first relay's coil."""
    first_input: Annotated[int, Field(ge=0, le=65535)] = 0
    """Address of the first discrete input."""
    inputs_active_low: bool = False
    """true when an input reads 1 while its level is low."""
    timeout_s: Timeout = 2.0
    """Longest wait for one answer, in seconds."""


class DevantechSettings(InstrumentSettings):
    """A Devantech (Robot Electronics) ETH relay module."""

    host: Host
    """Name or address of the module."""
    port: TcpPort = 17494
    """TCP port."""
    password: Secret | None = None
    """TCP/IP password, by reference, where one is set in the module."""
    timeout_s: Timeout = 2.0
    """Longest wait for one answer, in seconds."""


class GpiodSettings(InstrumentSettings):
    """Lines of a GPIO chip of this host, through the kernel's character device."""

    chip: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^/.+$")] = "/dev/gpiochip0"
    """The chip's device node. Pins and inputs are its line offsets, as `gpioinfo` shows them."""
    consumer: Annotated[str, Field(min_length=1, max_length=31)] = "cellbench"
    """The name under which `gpioinfo` shows the lines."""
    drive: Literal["open-drain", "open-source", "push-pull"] = "open-drain"
    """How an output is driven. `open-drain`: closed pulls low, open lets go (PWR_ON and RESET_N want this);
    `open-source`: closed pulls high, open lets go; `push-pull`: closed is high, open is low."""
    active_low: bool = False
    """Only with push-pull: true when closed is low and open is high."""
    bias: Literal["as-is", "disabled", "pull-up", "pull-down"] = "as-is"
    """Bias of inputs and of lines that were let go."""

    @model_validator(mode="after")
    def _one_polarity(self) -> GpiodSettings:
        if self.active_low and self.drive != "push-pull":
            raise ValueError("active_low goes with drive: push-pull; the others say their level themselves")
        return self


class FtdiSettings(InstrumentSettings):
    """Pins of an FTDI chip with MPSSE (FT232H, FT2232H, FT4232H, FT2232D)."""

    url: Annotated[str, Field(max_length=200, pattern=r"^ftdi://[^/]+/[1-4]$")]
    """Which chip and interface, in pyftdi's form: `ftdi://ftdi:232h:SERIAL/1`; `ftdi_urls.py` lists them.
    Pins and inputs 0 to 7 are xDBUS0 to 7, 8 to 15 are xCBUS0 to 7."""
    drive: Literal["open-drain", "push-pull"] = "open-drain"
    """`open-drain`: closed pulls low, open lets go; `push-pull`: closed is high, open is low."""
    active_low: bool = False
    """Only with push-pull: true when closed is low and open is high."""

    @model_validator(mode="after")
    def _one_polarity(self) -> FtdiSettings:
        if self.active_low and self.drive != "push-pull":
            raise ValueError("active_low goes with drive: push-pull; open-drain says its level itself")
        return self


class SerialLinesSettings(InstrumentSettings):
    """Modem control lines of a serial adapter: pin 0 is DTR, 1 is RTS; input 0 is CTS, 1 DSR, 2 DCD, 3 RI."""

    url: PortUrl
    """The adapter's port, or `rfc2217://host:port`. It carries no data: the adapter is the board's alone."""
    levels: Literal["ttl", "rs232"] = "ttl"
    """What an asserted line is at the pin: low on adapters with logic levels, high on true RS-232."""
    idle: tuple[Literal["dtr", "rts"], ...] = ()
    """Lines that are asserted while nothing is driven: from opening on, and again at the end."""
