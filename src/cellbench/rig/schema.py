"""The rig file as typed models: one host's bench, its slots, network, services and far side.

Units stand in the names. Loading (positions, cross checks, remedies) is in load.py; docs/rig-file.md
and reports/schema/rig.schema.json are generated from these models.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from cellbench.catalogue.model import Series
from cellbench.instruments.flasher.settings import FlasherUse
from cellbench.instruments.settings import Host, InstrumentSettings, Secret, Strict, TcpPort, Text
from cellbench.rig.schema_service import Role, Service

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,31}$")]
Location = Annotated[str, Field(pattern=r"^[0-9]{1,3}-[0-9]{1,3}(\.[0-9]{1,3}){0,6}$")]
PortRole = Annotated[str, Field(pattern=r"^[a-z][a-z_\-]{0,30}[0-9]{0,2}$")]
Pin = Annotated[int, Field(ge=0, le=1023)]


class Evidence(enum.Enum):
    """Whether values come from hardware or from a simulation."""

    MEASURED = "measured"
    SIMULATED = "simulated"


class Level(enum.Enum):
    """An electrical level."""

    LOW = "low"
    HIGH = "high"


class DeclaredCapability(enum.Enum):
    """What a slot can that the file does not show otherwise; declared by the technician."""

    CUT_RF = "cut-rf"
    SWAP_SIM = "swap-sim"
    SECOND_ANTENNA = "second-antenna"
    GNSS_ANTENNA = "gnss-antenna"
    GOLDEN_UNIT = "golden-unit"
    USB_DTR = "usb-dtr"
    EXPENDABLE = "expendable"  # the unit may be erased, and may be lost in an update


class UsbRoots(Strict):
    """Where the USB tree is looked for."""

    sysfs: Text = "/sys"
    """Root of sysfs."""
    dev: Text = "/dev"
    """Directory of the device nodes."""


class Power(Strict):
    """The supply output that feeds a slot."""

    supply: Name
    """Name of an instrument of a `supply.` kind."""
    channel: Annotated[int, Field(ge=1, le=16)]
    """Channel of that supply, from 1."""
    voltage_v: Annotated[float, Field(gt=0, le=60)]
    """Voltage at the module's VCC, in volt."""
    current_limit_a: Annotated[float, Field(gt=0, le=20)]
    """Current limit, in ampere; not below the peak of a transmit burst."""
    over_voltage_v: Annotated[float, Field(gt=0, le=60)] | None = None
    """Over-voltage protection to set, in volt; unset: left as the supply has it."""
    over_current_a: Annotated[float, Field(gt=0, le=20)] | None = None
    """Over-current protection to set, in ampere, which switches the output off; unset: left as the supply has
    it. Many supplies trip at the current limit itself: then the same figure as `current_limit_a`."""


class UsbPower(Strict):
    """The hub port that gives a slot's USB its power."""

    hub: Name
    """Name of an instrument of a `hub.` kind."""
    port: Annotated[int, Field(ge=1, le=31)]
    """Port of that hub, from 1."""
    idle: Literal["off", "on"] | None = None
    """The port's power while nobody asks for the other; unset: off where the slot has `power` (a module
    without supply must see no USB voltage), on where it has none."""


class DrivenLine(Strict):
    """A line of the module that the bench drives."""

    on: Name
    """Name of an instrument of a `line.` kind."""
    pin: Pin
    """Relay or output of that instrument, from 0."""
    active: Level
    """Electrical level at the module's pin while the line is asserted."""
    inverted: bool = False
    """true when the line is asserted while the contact is open (normally closed contact)."""


class ReadLine(Strict):
    """A line of the module that the bench reads."""

    on: Name
    """Name of an instrument of a `line.` kind."""
    input: Pin
    """Digital input of that instrument, from 0."""
    active: Level
    """Level at the input while the line is asserted (V_INT: high while the module is on)."""


class Lines(Strict):
    """Digital wires of a slot besides its UART; each may be missing."""

    pwr_on: DrivenLine | None = None
    """PWR_ON; asserted = pressed."""
    reset_n: DrivenLine | None = None
    """RESET_N; asserted = held in reset."""
    usb_boot: DrivenLine | None = None
    """USB_BOOT (series that have it); asserted = the next boot goes to download mode."""
    vusb_det: DrivenLine | None = None
    """VUSB_DET; asserted = USB voltage present."""
    v_int: ReadLine | None = None
    """V_INT; asserted = the module is on."""
    ri: ReadLine | None = None
    """RI, when not read through the UART port."""
    cts: ReadLine | None = None
    """CTS, when not read through the UART port."""
    dcd: ReadLine | None = None
    """DCD, when not read through the UART port."""

    def driven(self) -> Mapping[str, DrivenLine]:
        """The driven lines that exist, by name."""
        found = {"pwr_on": self.pwr_on, "reset_n": self.reset_n, "usb_boot": self.usb_boot,
                 "vusb_det": self.vusb_det}
        return {name: line for name, line in found.items() if line is not None}

    def read(self) -> Mapping[str, ReadLine]:
        """The lines that can be read, by name."""
        found = {"v_int": self.v_int, "ri": self.ri, "cts": self.cts, "dcd": self.dcd}
        return {name: line for name, line in found.items() if line is not None}


class Wire(enum.Enum):
    """A modem control line of a UART."""

    DTR = "dtr"
    RTS = "rts"
    CTS = "cts"
    DSR = "dsr"
    DCD = "dcd"
    RI = "ri"


class UartPort(Strict):
    """A UART of the module: exactly one of `url` and `location`."""

    url: Annotated[str, Field(pattern=r"^(/.+|rfc2217://.+:[0-9]+|socket://.+:[0-9]+)$")] | None = None
    """A device path (take one below /dev/serial/by-id), `rfc2217://host:port` or `socket://host:port`."""
    location: Location | None = None
    """USB location of the serial adapter, as in /sys/bus/usb/devices (`1-4.2`)."""
    interface: Annotated[int, Field(ge=0, le=31)] | None = None
    """With `location`: which port of the adapter, in descriptor order, from 0; unset: the first."""
    rate_bit_s: Annotated[int, Field(ge=300, le=4_000_000)] | None = None
    """Rate to begin with, in bit/s; unset: the profile's factory rate (115200 with autobauding)."""
    wired: tuple[Wire, ...] = (Wire.DTR, Wire.RTS, Wire.CTS, Wire.DSR, Wire.DCD, Wire.RI)
    """Which control lines are connected."""

    @model_validator(mode="after")
    def _one_address(self) -> UartPort:
        if (self.url is None) == (self.location is None):
            raise ValueError("give exactly one of url and location")
        if self.interface is not None and self.location is None:
            raise ValueError("interface goes with location")
        return self


class UsbPort(Strict):
    """The module's own USB interface."""

    location: Location
    """USB location of the module, as in /sys/bus/usb/devices (`1-4.2`)."""


class Ports(Strict):
    """Physical serial endpoints, by role; each may be missing."""

    uart: UartPort | None = None
    """The main UART."""
    aux_uart: UartPort | None = None
    """The auxiliary UART (series and configurations that have it)."""
    usb: UsbPort | None = None
    """USB; its serial ports are found by location, VID:PID and descriptor order."""


class TraceMode(enum.Enum):
    """When the modules' trace ports are recorded."""

    NEVER = "never"
    FAILURES = "failures"
    ALWAYS = "always"


class Traces(Strict):
    """Recording of the modules' trace ports on USB (LENA-R8: CP and AP trace, LARA-R6: diag)."""

    record: TraceMode = TraceMode.NEVER
    """`never`; `failures`: recorded all the time and kept around attempts that did not go well; `always`:
    kept for every attempt."""
    ports: tuple[PortRole, ...] = ()
    """Which ports, by role (`cp-trace`, `ap-trace`, `diag`; a log on the auxiliary UART: `aux_uart`); unset:
    all trace ports of the composition."""
    ring_mib: Annotated[float, Field(gt=0, le=256)] = 4.0
    """Mebibytes kept for each port; what is older falls out and is counted."""
    keep_s: Annotated[float, Field(gt=0, le=86_400)] = 300.0
    """Seconds kept for each port."""
    run_mib: Annotated[float, Field(gt=0, le=1_000_000)] = 512.0
    """Mebibytes that one process of a run writes at most; later traces are left out, and that is said."""


class Sim(Strict):
    """The SIM in a slot."""

    ref: Name
    """Name of the SIM; attaches are counted by it and the network."""
    pin: Secret | None = None
    """The SIM's PIN, by reference, when it has one."""
    number: Annotated[str, Field(pattern=r"^\+?[0-9]{3,15}$")] | None = None
    """The SIM's own telephone number."""


class Apn(Strict):
    """The network that a slot's SIM meets."""

    apn: Annotated[str, Field(min_length=1, max_length=99, pattern=r"^[A-Za-z0-9_.\-]+$")]
    """Access point name."""
    plmn: Annotated[str, Field(pattern=r"^[0-9]{5,6}$")] | None = None
    """Mobile country and network code of the network to register on; unset: any."""
    user: Text | None = None
    """User name of the access point."""
    password: Secret | None = None
    """Password of the access point, by reference."""


class VirtualFarSide(Strict):
    """The control room of a virtual rack."""

    kind: Literal["virtual"]
    """`virtual`."""
    control: Text | None = None
    """The rack's directory; unset: the launched rack's."""


class ServicesFarSide(Strict):
    """The control port of `cellbench services up` on a host that the modules reach."""

    kind: Literal["services"]
    """`services`."""
    host: Host
    """Address of that host as this bench uses it."""
    port: TcpPort = 7100
    """Its control port."""
    token: Secret | None = None
    """The control port's token, by reference; unset: the port is on this machine and takes none."""


class SecondSlotFarSide(Strict):
    """The module of another slot of this rig: it calls this one and sends it short messages."""

    kind: Literal["second-slot"]
    """`second-slot`."""
    slot: Name
    """The other slot; its SIM and this slot's have a `number`."""


class AttenuatorFarSide(Strict):
    """A step attenuator in the antenna's path: what coverage there is."""

    kind: Literal["attenuator"]
    """`attenuator`."""
    on: Name
    """Name of an instrument of an `attenuator.` kind."""
    channel: Annotated[int, Field(ge=1, le=16)] = 1
    """Channel of that attenuator, from 1."""
    normal_db: Annotated[float, Field(ge=0, le=140)] = 0.0
    """Attenuation of good coverage, in decibel."""
    weak_db: Annotated[float, Field(ge=0, le=140)]
    """Attenuation at which the module is still registered, at the edge of coverage, in decibel."""
    lost_db: Annotated[float, Field(ge=0, le=140)]
    """Attenuation at which the module finds no network, in decibel."""

    @model_validator(mode="after")
    def _ordered(self) -> AttenuatorFarSide:
        if not self.normal_db < self.weak_db < self.lost_db:
            raise ValueError("normal_db must be below weak_db, and weak_db below lost_db")
        return self


class ManualFarSide(Strict):
    """A person does it, asked through the controller or by `cellbench answer`."""

    kind: Literal["manual"]
    """`manual`."""
    verbs: Annotated[tuple[Role, ...], Field(min_length=1)] = ("call", "sms", "coverage")
    """What the person can do, in the words of docs/far-side.md."""
    answer_within_s: Annotated[float, Field(ge=1, le=3600)] = 120.0
    """How long to wait for the person's answer, in seconds."""


class PackageFarSide(Strict):
    """A driver from another package (entry point group `cellbench.far_sides`)."""

    kind: Literal["package"]
    """`package`."""
    driver: Text
    """Name of the entry point."""
    settings: dict[Text, str | int | float | bool] = Field(default_factory=dict)
    """The driver's own settings."""


class NoFarSide(Strict):
    """Nothing can make the network act."""

    kind: Literal["none"]
    """`none`."""


OneFarSide = Annotated[
    VirtualFarSide | ServicesFarSide | SecondSlotFarSide | AttenuatorFarSide | ManualFarSide | PackageFarSide,
    Field(discriminator="kind"),
]


class SeveralFarSides(Strict):
    """Several of them: the first that can do a verb does it."""

    kind: Literal["several"]
    """`several`."""
    of: Annotated[tuple[OneFarSide, ...], Field(min_length=1, max_length=8)]
    """The far sides, in the order in which they are asked."""


FarSide = Annotated[
    VirtualFarSide | ServicesFarSide | SecondSlotFarSide | AttenuatorFarSide | ManualFarSide | PackageFarSide
    | SeveralFarSides | NoFarSide,
    Field(discriminator="kind"),
]


class Slot(Strict):
    """One place for a module."""

    series: Series
    """Series of the module in this slot."""
    variant: Text | None = None
    """Variant, for example LENA-R8001M10; unset: what the module says."""
    ordering_code: Text | None = None
    """Full ordering code, for example LENA-R8001M10-00C-00; unset: what the module says."""
    imei: Annotated[str, Field(pattern=r"^[0-9]{15}$")] | None = None
    """IMEI of the module in this slot, checked before what may harm it; unset: whichever is there."""
    power: Power | None = None
    """Supply output; without it, procedures that cut power are NOT_POSSIBLE."""
    usb_power: UsbPower | None = None
    """Hub port with switched power; without it, procedures that cut USB power are NOT_POSSIBLE."""
    lines: Lines = Lines()
    """Digital wires."""
    ports: Ports = Ports()
    """Serial endpoints."""
    flasher: FlasherUse | None = None
    """Tool for full images; without it, procedures that flash are NOT_POSSIBLE."""
    sim: Sim | None = None
    """SIM."""
    network: Apn | None = None
    """Network of this slot, in place of the rig's."""
    traces: Traces | None = None
    """Recording of this slot's trace ports, in place of the rig's."""
    limits: Text | None = None
    """Limits file of this slot, in place of the product's; relative to this file."""
    overlays: Annotated[tuple[Text, ...], Field(max_length=16)] = ()
    """What the firmware of this slot's module does otherwise, files of `cellbench conform --learn`: commands
    are waited for as long as it needs; relative to this file."""
    capabilities: tuple[DeclaredCapability, ...] = ()
    """Extra abilities of the slot."""
    far_side: FarSide | None = None
    """What can make the network act for this slot, in place of the rig's."""


class AttachBudgetSettings(Strict):
    """How often one SIM may attach to one network, as a token bucket."""

    capacity: Annotated[int, Field(ge=1, le=100_000)] = 20
    """Attaches that may follow each other."""
    refill_per_hour: Annotated[float, Field(gt=0, le=1_000_000)] = 20.0
    """Attaches gained per hour (the guides' makers advise at most 20 registrations an hour)."""


class RigFile(Strict):
    """One host's bench."""

    rig: Name
    """Name of the rig."""
    evidence: Evidence = Evidence.MEASURED
    """`measured`, or `simulated` on a virtual rack; printed on every report."""
    timing: Literal["real", "fast"] = "real"
    """How the modules' own durations run; `fast` only on a virtual rack; printed on every report."""
    launch: Annotated[str, Field(min_length=1, max_length=4000)] | None = None
    """Command that starts the rack; its ready line names the rig file with the addresses. ` --dir` and a
    directory are appended to it."""
    station: Text | None = None
    """Name of the station as printed on certificates."""
    usb: UsbRoots = UsbRoots()
    """Where the USB tree is looked for."""
    instruments: dict[Name, InstrumentSettings] = Field(default_factory=dict)
    """Supplies and line drivers, by name; each `kind` has settings of its own."""
    slots: Annotated[dict[Name, Slot], Field(min_length=1, max_length=256)]
    """Places for modules, by name."""
    network: Apn | None = None
    """Network that all slots meet unless they say otherwise."""
    services: dict[Role, Service] = Field(default_factory=dict)
    """Service map: role → where it is."""
    far_side: FarSide = NoFarSide(kind="none")
    """What can make the network act."""
    attach_budget: AttachBudgetSettings = AttachBudgetSettings()
    """Budget of attaches per SIM and network."""
    minimum_on_time_s: Annotated[float, Field(ge=0, le=600)] | None = None
    """Shortest time on before a power-off, in seconds; unset: the profile's fact (30 s)."""
    update_silence_s: Annotated[float, Field(ge=5, le=7200)] | None = None
    """Seconds without a word after which a module that updates its firmware is given up; unset: the series'
    fact (1800 s)."""
    watchdog_scale: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Factor of the watchdog ladder's waits where the modules' own durations are shorter; 1 on a real
    network."""
    traces: Traces = Traces()
    """Recording of the modules' trace ports."""
    firmware: Text | None = None
    """Firmware catalogue: the file of images and deltas, relative to this one."""
    limits: dict[Text, Text] = Field(default_factory=dict)
    """Limits file per product (series, variant or ordering code → file relative to this one); the most
    specific key that matches a slot counts."""

    def far_sides_of(self, slot: str) -> tuple[OneFarSide, ...]:
        """What can make the network act for a slot, in the order in which they are asked."""
        chosen = self.slots[slot].far_side or self.far_side
        if isinstance(chosen, SeveralFarSides):
            return chosen.of
        return () if isinstance(chosen, NoFarSide) else (chosen,)

    def traces_of(self, slot: str) -> Traces:
        """How a slot's trace ports are recorded."""
        return self.slots[slot].traces or self.traces

    def network_of(self, slot: str) -> Apn | None:
        """The network a slot meets."""
        return self.slots[slot].network or self.network
