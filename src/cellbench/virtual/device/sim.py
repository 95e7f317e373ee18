"""The card in the module's slot: presence, start-up, PIN, files, logical channels."""

from __future__ import annotations

import asyncio
import enum
from typing import TYPE_CHECKING

from cellbench.virtual.front.context import Refusal

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module

NOT_INSERTED, PIN_NEEDED, PUK_NEEDED, BUSY, WRONG, WRONG_PASSWORD = 10, 11, 12, 14, 15, 16


class PinState(enum.Enum):
    """What +CPIN? answers."""

    READY = "READY"
    PIN = "SIM PIN"
    PUK = "SIM PUK"


class Sim:
    """One SIM as the module drives it. What is on the card (PIN, tries, files) survives power cycles."""

    def __init__(self, module: Module) -> None:
        self._module = module
        facts = module.config.sim
        self.present = facts.present
        self.imsi = facts.imsi
        self.iccid = facts.iccid
        self.lock = facts.pin is not None
        self.pin_code = facts.pin or facts.pin_code
        self.puk = facts.puk
        self.pin_tries = 3
        self.puk_tries = 10
        self.files = {one.number: bytearray(one.content) for one in facts.files}
        self.kinds = {one.number: one for one in facts.files}
        self.channels: set[int] = set()
        self.selected: dict[int, int] = {}
        self.verified = False
        self._started = False
        self._powered = False
        self._ready = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    # life
    def power_on(self) -> None:
        """The module starts the card; until it has, the SIM is busy."""
        self.power_off()
        self._powered = True
        self._timer = self._module.pace.later(self._module.config.behaviour.usim_busy_s, self._start)

    def power_off(self) -> None:
        """The card loses its supply (power-off, +CFUN=19)."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._started = self._powered = self.verified = False
        self.channels.clear()
        self.selected.clear()
        self._ready.clear()

    def _start(self) -> None:
        self._timer = None
        self._started = True
        self._check()

    def _check(self) -> None:
        if self.usable:
            self._ready.set()

    # state
    @property
    def pin_state(self) -> PinState:
        """What the card asks for."""
        if self.lock and not self.verified:
            return PinState.PUK if self.pin_tries == 0 else PinState.PIN
        return PinState.PUK if self.pin_tries == 0 else PinState.READY

    @property
    def usable(self) -> bool:
        """True when the card is started and asks for nothing."""
        return self._started and self.present and self.pin_state is PinState.READY

    async def wait_ready(self) -> None:
        """Wait until the card is usable."""
        await self._ready.wait()

    def require_started(self) -> None:
        """Refusal while there is no card, or it is still starting."""
        if not self.present or not self._powered:
            raise Refusal.cme(NOT_INSERTED)
        if not self._started:
            raise Refusal.cme(BUSY)

    def require_ready(self) -> None:
        """Refusal unless the card can be used: 10 none, 14 busy, 11 PIN, 12 PUK."""
        self.require_started()
        state = self.pin_state
        if state is PinState.PIN:
            raise Refusal.cme(PIN_NEEDED)
        if state is PinState.PUK:
            raise Refusal.cme(PUK_NEEDED)

    # PIN
    def verify(self, pin: str) -> None:
        """+CPIN=<pin>, or the PIN of +CLCK and +CPWD; three wrong ones block it."""
        if self.pin_tries == 0:
            raise Refusal.cme(PUK_NEEDED)
        if pin != self.pin_code:
            self.pin_tries -= 1
            raise Refusal.cme(PUK_NEEDED if self.pin_tries == 0 else WRONG_PASSWORD)
        self.pin_tries = 3
        self.verified = True
        self._check()

    def unblock(self, puk: str, new_pin: str) -> None:
        """+CPIN=<puk>,<new pin>."""
        if self.puk_tries == 0:
            raise Refusal.cme(13)
        if puk != self.puk:
            self.puk_tries -= 1
            raise Refusal.cme(WRONG_PASSWORD)
        self.pin_code, self.pin_tries, self.puk_tries = new_pin, 3, 10
        self.verified = True
        self._check()

    # files
    def read(self, number: int) -> bytes | None:
        """The content of a file, None when the card has none of that number."""
        content = self.files.get(number)
        return None if content is None else bytes(content)
