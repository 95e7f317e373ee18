"""How a module is wired to its bench: driven lines with their sources, the UART as its adapter sees it."""

from __future__ import annotations

from .device.module import Input, Module, Output

RELAY_LINES = (Input.PWR_ON, Input.RESET_N, Input.USB_BOOT, Input.VUSB_DET)
"""Order of a slot's relays on its board."""
INPUT_LINES = (Output.V_INT, Output.RI, Output.CTS, Output.DCD)
"""Order of a slot's inputs on its board."""


class DrivenLines:
    """The lines that relays drive, with the control room's hand on them.

    A line is asserted by its relay or by the control room's ``power`` verb, which lends it until the supply
    goes off. What ``line`` says overrides both until the relay is next switched over.
    """

    def __init__(self, module: Module) -> None:
        self._module = module
        self._relay: dict[Input, bool] = {}
        self._lent: set[Input] = set()
        self._forced: dict[Input, bool] = {}
        self._level: dict[Input, bool] = {}

    def relay(self, pin: Input, closed: bool) -> None:
        """A relay is told to close or open."""
        if self._relay.get(pin, False) != closed:
            self._relay[pin] = closed
            self._forced.pop(pin, None)
        self._drive(pin)

    def lend(self, pin: Input, on: bool) -> None:
        """The control room asserts a line for as long as the supply is on."""
        if on:
            self._lent.add(pin)
        else:
            self._lent.discard(pin)
        self._drive(pin)

    def supply_off(self) -> None:
        """What was lent falls back to the relays."""
        lent, self._lent = self._lent, set()
        for pin in lent:
            self._drive(pin)

    def force(self, pin: Input, on: bool) -> None:
        """The control room holds a line at a level."""
        self._forced[pin] = on
        self._drive(pin)

    def levels(self) -> dict[Input, bool]:
        """Which lines are asserted now."""
        return {pin: self._level.get(pin, False) for pin in RELAY_LINES}

    def _drive(self, pin: Input) -> None:
        level = self._forced.get(pin, self._relay.get(pin, False) or pin in self._lent)
        if self._level.get(pin, False) != level:
            self._level[pin] = level
            self._module.set_input(pin, level)


class ModuleAuxUart:
    """The module's auxiliary UART for its adapter (bench.uart.UartEnd); it has RTS and CTS only."""

    def __init__(self, module: Module) -> None:
        self._module = module

    def receive(self, data: bytes, host_rate: int) -> None:
        """Bytes sent to the module."""
        self._module.aux.receive(data, host_rate)

    def set_dtr(self, on: bool) -> None:
        """There is no such wire."""

    def set_rts(self, on: bool) -> None:
        """RTS into the module."""
        self._module.aux.set_rts(on)

    def cts(self) -> bool:
        """CTS out of the module."""
        return self._module.aux.cts

    def dsr(self) -> bool:
        """There is no such wire."""
        return False

    dcd = ri = dsr


class ModuleUart:
    """The module's UART for the adapter (bench.uart.UartEnd)."""

    def __init__(self, module: Module) -> None:
        self._module = module

    def receive(self, data: bytes, host_rate: int) -> None:
        """Bytes sent to the module."""
        self._module.uart.receive(data, host_rate)

    def set_dtr(self, on: bool) -> None:
        """DTR into the module."""
        self._module.set_input(Input.DTR, on)

    def set_rts(self, on: bool) -> None:
        """RTS into the module."""
        self._module.set_input(Input.RTS, on)

    def cts(self) -> bool:
        """CTS out of the module."""
        return self._module.output(Output.CTS)

    def dsr(self) -> bool:
        """DSR out of the module."""
        return self._module.output(Output.DSR)

    def dcd(self) -> bool:
        """DCD out of the module."""
        return self._module.output(Output.DCD)

    def ri(self) -> bool:
        """RI out of the module."""
        return self._module.output(Output.RI)
