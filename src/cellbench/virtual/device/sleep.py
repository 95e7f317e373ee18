"""Power saving of +UPSV: when the module may be idle, what wakes it, what its UART hears meanwhile
(LENA-R8 guide 5.6 and 13.1; facts sheet 5.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from cellbench.virtual.device.faces import Input

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module

GSM_FRAME_S = 0.004615
SHORTEST_CYCLE_S = 0.64  # fast timing must leave wake-ups that a supply can see (a DRX cycle of 36.304)
DRX_OF_THE_SHEETS_S = 2.56  # the paging cycle behind the idle figures of the data sheet
_DTR_MODE = 3
_DTR_BY_GPIO, _DTR_PINS = 15, (24, 25)  # GPIO3 and GPIO4 (application note: with the auxiliary UART)
_LOOK_S = 0.02


class Sleep:
    """Whether a module is in the low power idle mode."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self.usb_resumed: Callable[[], bool] | None = None
        """Whether the host keeps USB resumed; without a host an open port stands for it."""
        self._timer: asyncio.TimerHandle | None = None
        self._waking_until = float("-inf")
        self._open = True

    @property
    def mode(self) -> int:
        """+UPSV mode in force."""
        values = self._module.settings.numbers("+UPSV")
        return values[0] if values else 0

    @property
    def timeout_s(self) -> float:
        """How long data keeps the module awake, seconds."""
        values = self._module.settings.numbers("+UPSV")
        default = self._module.config.behaviour.upsv_default_timeout
        return (values[1] if len(values) > 1 else default) * GSM_FRAME_S

    @property
    def usb_in_use(self) -> bool:
        """True while USB is there and not suspended (LENA-R8 guide 5.6.1; application note)."""
        faces = self._module.usb_faces
        if self.usb_resumed is not None:
            return bool(faces) and self.usb_resumed()
        return any(face.opened for face in faces)

    def asleep(self, now: float) -> bool:
        """True while the module idles; USB in use, a radio connection, a search and a busy AT port prevent
        it."""
        module, mode = self._module, self.mode
        if mode == 0 or not module.power.running or module.radio.connected or module.radio.searching:
            return False
        if self.usb_in_use or any(port.busy for port in module.ports):
            return False
        if module.uart.holding:  # RTS off keeps output and the module awake (LARA-R6 application note)
            return False
        line = self._line(mode)
        if line is not None:
            return not self._reads(line)
        return now - module.uart.last_data >= self.timeout_s

    def _line(self, mode: int) -> Input | None:
        """The line that a mode goes by."""
        if mode == self._module.config.behaviour.upsv_rts_mode:
            return Input.RTS
        return Input.DTR if mode == _DTR_MODE else None

    def _reads(self, line: Input) -> bool:
        """The line as power saving sees it: with the auxiliary UART DTR comes by a GPIO or is never off."""
        module = self._module
        if line is Input.DTR and module.serial.aux_enabled:
            by_gpio = any(module.gpio_function(pin) == _DTR_BY_GPIO for pin in _DTR_PINS)
            return module.input(line) or not by_gpio
        return module.input(line)

    # paging
    @property
    def cycle_s(self) -> float:
        """Seconds between two paging occasions, at this pace."""
        wanted = self._module.config.behaviour.paging_cycle_s
        return max(self._module.pace.own(wanted), min(wanted, SHORTEST_CYCLE_S))

    def paging(self, now: float) -> bool:
        """True while a registered module listens to the paging channel (LENA-R8 guide 5.6)."""
        behaviour = self._module.config.behaviour
        width = behaviour.paging_s * self.cycle_s / behaviour.paging_cycle_s
        return self._module.radio.registered and now % self.cycle_s < width

    # the UART
    def lost(self, data: bytes, now: float) -> int:
        """How many of the characters that now come on TXD a sleeping UART does not hear; data may wake it."""
        behaviour = self._module.config.behaviour
        if not self.asleep(now):
            return 0
        if self._line(self.mode) is not None:
            return len(data) if behaviour.sleep_line_deaf else 0
        if not behaviour.first_byte_wakes or (behaviour.sleep_uart_opens and self.paging(now)):
            return 0
        if behaviour.wake_data_s:
            self._wake(behaviour.wake_data_s, now)
        return 1

    def line_moves(self, pin: Input, on: bool) -> None:
        """RTS or DTR is about to change; on, it wakes a module that sleeps by it."""
        now = self._module.pace.now()
        if on and pin is self._line(self.mode) and self.asleep(now):
            self._wake(self._module.config.behaviour.wake_line_s, now)

    def _wake(self, seconds: float, now: float) -> None:
        """The UART takes so long to hear again."""
        self._module.uart.deaf_for(seconds)
        self._waking_until = now + seconds

    def uart_open(self, now: float) -> bool:
        """What CTS shows: off while the UART would hear nothing. Sleep by data without opening times leaves
        it on: nothing else could wake the module."""
        behaviour = self._module.config.behaviour
        if not behaviour.sleep_cts_off:
            return True
        if now < self._waking_until:
            return False
        if not self.asleep(now):
            return True
        if self._line(self.mode) is not None:
            return not behaviour.sleep_line_deaf
        return not behaviour.sleep_uart_opens or self.paging(now)

    def flow_control_refused(self, mode: int) -> bool:
        """True when &K may not become ``mode`` for what +UPSV is."""
        behaviour, serial = self._module.config.behaviour, self._module.serial
        if behaviour.upsv_rts_needs_k0 and mode == 3 and self.mode == behaviour.upsv_rts_mode:
            return True
        return behaviour.upsv_k_locked and serial.usio == 1 and self.mode == behaviour.upsv_data_mode

    # CTS over time
    def watch(self) -> None:
        """+UPSV changed, or the module is up: CTS follows the sleep."""
        self.power_off()
        if self._module.config.behaviour.sleep_cts_off:
            self._look()

    def power_off(self) -> None:
        """Nothing is left to follow."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        now = self._module.pace.now()
        opened = self.uart_open(now)
        if opened != self._open:
            self._open = opened
            self._module.serial.show_lines()
        self._timer = None
        if self.mode != 0:
            self._timer = self._module.pace.later_true(self._next_look(now), self._look)

    def _next_look(self, now: float) -> float:
        """Soon, and not later than the next paging occasion where CTS shows it."""
        if not self._module.config.behaviour.sleep_uart_opens:
            return _LOOK_S
        return min(_LOOK_S, self.cycle_s - now % self.cycle_s + 1e-4)
