"""One virtual module: its electrical face, its ports, and what lives inside while it is powered."""

from __future__ import annotations

import enum
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from cellbench.catalogue.modules.model import ModuleProfile, UsbComposition

if TYPE_CHECKING:
    from cellbench.virtual.device.config import ModuleConfig
    from cellbench.virtual.device.contexts import Contexts
    from cellbench.virtual.device.pace import Pace
    from cellbench.virtual.device.radio import Radio
    from cellbench.virtual.device.settings import Settings
    from cellbench.virtual.device.sim import Sim
    from cellbench.virtual.front.port import AtPort
    from cellbench.virtual.net.internet import Internet


class Input(enum.Enum):
    """Lines into the module; active means asserted (electrical low for PWR_ON and RESET_N, DTR ON ...)."""

    PWR_ON = "pwr_on"
    RESET_N = "reset_n"
    USB_BOOT = "usb_boot"
    VUSB_DET = "vusb_det"
    RTS = "rts"
    DTR = "dtr"


class Output(enum.Enum):
    """Lines out of the module; True means on: V_INT at 1.8 V, CTS, DSR, DCD, RI asserted."""

    V_INT = "v_int"
    CTS = "cts"
    DSR = "dsr"
    DCD = "dcd"
    RI = "ri"


class Subsystem(Protocol):
    """A part that lives from one boot to the next power-off (sockets, resolver ...)."""

    def power_off(self) -> None:
        """The module goes off or restarts: stop tasks, close connections, at once."""
        ...


S = TypeVar("S", bound=Subsystem)


class UartFace:
    """The UART as the bench sees it.

    ``transmit(data, module_rate)`` is called for what the module sends; the bench garbles it for a
    host set to another rate (see device.uart.garble). ``rate`` is the rate in force, 0 while
    autobauding has not yet measured one.
    """

    transmit: Callable[[bytes, int], None] | None
    rate: int

    def receive(self, data: bytes, host_rate: int) -> None:
        """Bytes on TXD, sent by the host at ``host_rate`` bit/s."""
        raise NotImplementedError


class UsbFace:
    """One serial port of the USB composition in force, in descriptor order."""

    transmit: Callable[[bytes], None] | None
    role: str

    def receive(self, data: bytes) -> None:
        """Bytes from the host."""
        raise NotImplementedError

    def set_open(self, opened: bool) -> None:
        """A host opened or closed the port; open counts as DTR on."""
        raise NotImplementedError

    def set_dtr(self, on: bool) -> None:
        """DTR of the virtual port, where it is driven apart from opening."""
        raise NotImplementedError


class Module:
    """One virtual module. All methods are to be called in the loop's thread.

    Attributes for the other parts of the virtual device: ``name``, ``profile``, ``config``,
    ``settings`` (NVM and volatile), ``radio``, ``contexts``, ``sim``, ``pace``, ``internet``,
    ``ports`` (AT ports that exist now).
    """

    name: str
    profile: ModuleProfile
    config: ModuleConfig
    settings: Settings
    radio: Radio
    contexts: Contexts
    sim: Sim
    pace: Pace
    internet: Internet | None
    uart: UartFace
    on_output: Callable[[Output, bool], None] | None
    on_usb: Callable[[UsbComposition | None], None] | None

    def __init__(self, name: str, profile: ModuleProfile, config: ModuleConfig, nvm: Path, *,
                 internet: Internet | None = None) -> None:
        raise NotImplementedError

    # electrical face, called by the bench
    def set_supply(self, volts: float) -> None:
        """Voltage at the supply pins, as often as it changes."""
        raise NotImplementedError

    def set_input(self, pin: Input, active: bool) -> None:
        """Assert or release a line."""
        raise NotImplementedError

    def output(self, pin: Output) -> bool:
        """Level of an output line."""
        raise NotImplementedError

    def current_a(self) -> float:
        """Supply current drawn now, in ampere, bursts averaged over some milliseconds."""
        raise NotImplementedError

    def usb_port(self, index: int) -> UsbFace:
        """Serial port ``index`` of the composition in force, in descriptor order; IndexError when absent."""
        raise NotImplementedError

    # for the parts inside
    @property
    def ports(self) -> tuple[AtPort, ...]:
        """The AT ports that exist now."""
        raise NotImplementedError

    def urc(self, text: str, *, keep: bool = True) -> None:
        """Print a URC on every AT port; while a port is busy it waits (``keep``) or is dropped."""
        raise NotImplementedError

    def subsystem(self, kind: type[S]) -> S:
        """The one ``kind(module)`` of this boot, made on first use, told ``power_off`` at the end."""
        raise NotImplementedError

    async def close(self) -> None:
        """End everything (the rack goes down); nothing keeps running."""
        raise NotImplementedError
