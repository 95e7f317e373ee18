"""The profile of a module series: everything in which series, variants and firmware differ.

Code asks the profile; it never compares series.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from cellbench.catalogue.model import Series, Source

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Known(Generic[T]):
    """A fact with its source."""

    value: T
    source: Source


@dataclass(frozen=True, slots=True)
class PowerFacts:
    """Supply, lines and their times; volts, amperes, seconds."""

    vcc_normal_v: Known[tuple[float, float]]
    vcc_extended_v: Known[tuple[float, float]]
    vcc_typical_v: Known[float]
    current_limit_min_a: Known[float]  # a supply limit below this trips in a transmit burst
    current_limit_max_a: Known[float]
    pwr_on_pulse_s: Known[tuple[float, float]]  # shortest, longest low pulse that switches on
    pwr_off_pulse_s: Known[float]
    reset_pulse_s: Known[float]
    reset_off_s: Known[float] | None  # a RESET_N pulse this long switches off instead
    v_int_v: Known[float]
    boot_max_s: Known[float]  # PWR_ON pulse to the first AT answer
    power_off_max_s: Known[float]  # +CPWROFF to V_INT low
    min_on_time_s: Known[float]  # shortest time on before a power-off
    has_usb_boot: bool
    reset_is_abrupt: Known[bool]


@dataclass(frozen=True, slots=True)
class UsbInterface:
    """One serial interface of a composition, in descriptor order; ``role`` is at, reserved,
    cp-trace, ap-trace, diag, gnss or fw-update."""

    name: str
    role: str


@dataclass(frozen=True, slots=True)
class UsbComposition:
    """One way a module shows itself on USB.

    ``selected_by`` is the setting or pin that chooses it ("usbmode=2", "usio=0", "usb_boot");
    ``ordering`` limits it to ordering codes that contain this text ("-00B"), empty: all. The network
    function takes the interfaces before the serial ports, or with ``network_first`` False those after them.
    ``serial_class`` is "vendor" or "acm" (USB CDC 1.2). ``shared_id``: other makers' devices carry the same
    VID:PID, so that only the place on the bus tells the module. ``uart`` and ``aux_uart``: whether the main
    and the auxiliary UART carry AT commands while the module shows itself so.
    """

    name: str
    vid: int
    pid: int
    interfaces: tuple[UsbInterface, ...]
    network: str  # none, rndis, ecm or rmnet
    source: Source
    selected_by: str = ""
    ordering: str = ""
    network_first: bool = True
    serial_class: str = "vendor"
    shared_id: bool = False
    uart: bool = True
    aux_uart: bool = False


@dataclass(frozen=True, slots=True)
class SerialFacts:
    """The UART and the rules of time on any AT port; seconds, bit/s."""

    rates: Known[tuple[int, ...]]
    factory_rate: Known[int]  # 0 is autobauding
    autobauding: bool
    greeting_rate: Known[int]
    between_commands_s: Known[float]
    after_ipr_s: Known[float]
    after_autobaud_s: Known[float]
    after_prompt_s: Known[float]
    escape_guard_s: Known[float]
    max_line: Known[int]


@dataclass(frozen=True, slots=True)
class BearerFacts:
    """Contexts: which one the network opens by itself, and which are the user's."""

    default_cid: Known[int]
    ims_cid: Known[int]
    user_cids: Known[tuple[int, ...]]
    max_active: Known[int]
    internet_follows_udconf19: bool


@dataclass(frozen=True, slots=True)
class Current:
    """Typical supply current of one state, in ampere."""

    state: str  # off, idle, active, connected, transmit-peak; floor (idle between two paging occasions),
    # active-usb (awake with USB in use), usb-suspended (what a suspended USB adds to an idle module)
    typical_a: float
    source: Source


@dataclass(frozen=True, slots=True)
class ModuleProfile:
    """One series with one variant's overrides applied.

    ``factory`` holds settings at delivery by command name without AT ("+CMEE", "E", "S3"): an int or a
    str where the command has one parameter, else a tuple in the order of the parameters; the key
    "firmware" is the ATI9 text, "usbmode" and "nat_cfg" are +SYSNV names. ``factory_sources`` has the
    same keys. ``facts`` are further facts by name (``lte_bands``, ``gpio_pins`` ...).
    """

    series: Series
    variant: str
    ordering_codes: tuple[str, ...]
    model_prefix: str  # how +CGMM and ATI begin
    voice: bool
    rats: tuple[str, ...]  # gsm, utran, lte
    power: PowerFacts
    serial: SerialFacts
    usb: tuple[UsbComposition, ...]
    bearers: BearerFacts
    currents: tuple[Current, ...]
    greeting: Known[str | None]  # factory text, None when off
    reboot_command: Known[str]
    reboot_wait_s: Known[float]
    sockets: Known[int]
    factory: Mapping[str, object] = field(default_factory=dict)  # factory settings by command name
    quirks: Mapping[str, Known[object]] = field(default_factory=dict)  # oddities by name
    unsupported: frozenset[str] = frozenset()  # command names this variant refuses
    factory_sources: Mapping[str, Source] = field(default_factory=dict)
    facts: Mapping[str, Known[object]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VariantOverride:
    """What one variant changes of its series' profile (field name of ModuleProfile → value).

    ``variant`` is how the module's type number begins ("LENA-R8001M10"). ``series`` is needed where the
    variant comes from a package of its own.
    """

    variant: str
    ordering_codes: tuple[str, ...]
    changes: Mapping[str, object] = field(default_factory=dict)
    series: Series | None = None
