"""Power saving of +UPSV: when the module may be idle, and what wakes it (LENA-R8 guide 5.6, 13.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cellbench.virtual.device.faces import Input

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module

GSM_FRAME_S = 0.004615
_DTR_MODE = 3


class Sleep:
    """Whether a module is in the low power idle mode."""

    def __init__(self, module: Module) -> None:
        self._module = module

    @property
    def mode(self) -> int:
        """+UPSV mode in force."""
        values = self._module.settings.numbers("+UPSV")
        return values[0] if values else 0

    @property
    def timeout_s(self) -> float:
        """How long data keeps the module awake, seconds."""
        values = self._module.settings.numbers("+UPSV")
        return (values[1] if len(values) > 1 else 2000) * GSM_FRAME_S

    def asleep(self, now: float) -> bool:
        """True while the module idles; an open USB port, a radio connection and a busy AT port prevent it."""
        module = self._module
        mode = self.mode
        if mode == 0 or not module.power.running or module.radio.connected:
            return False
        if any(face.opened for face in module.usb_faces) or any(port.busy for port in module.ports):
            return False
        if module.uart.holding:  # RTS off keeps output and the module awake (LARA-R6 application note)
            return False
        behaviour = module.config.behaviour
        if mode == behaviour.upsv_rts_mode:
            return not module.input(Input.RTS)
        if mode == _DTR_MODE:
            return not module.input(Input.DTR)
        return now - module.uart.last_data >= self.timeout_s

    def uart_wakes(self, now: float) -> bool:
        """True when a character on TXD finds the module asleep: it wakes it and is lost."""
        module = self._module
        behaviour = module.config.behaviour
        return behaviour.first_byte_wakes and self.mode == behaviour.upsv_data_mode and self.asleep(now)
