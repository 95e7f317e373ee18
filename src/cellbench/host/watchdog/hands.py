"""What can be done to a module over one AT channel, and a budget for hosts that keep none on disk."""

from __future__ import annotations

import time
from collections import deque

from cellbench.base.clock import SYSTEM_CLOCK, Clock
from cellbench.base.errors import NotPossible, OperatorError
from cellbench.base.protocols import AttachBudget
from cellbench.catalogue.watchdog import BETWEEN_FLIPS_S, REGISTRATIONS_AN_HOUR
from cellbench.host.channel import Channel

_HOUR_S = 3600.0
_DOWN_S = 10.0


class HourlyBudget:
    """So many registrations in any hour, counted in this process (base.protocols.AttachBudget)."""

    def __init__(self, an_hour: int = REGISTRATIONS_AN_HOUR.value, clock: Clock = SYSTEM_CLOCK) -> None:
        self._an_hour = an_hour
        self._clock = clock
        self._spent: deque[float] = deque()

    def spend(self, cause: str) -> None:
        """Take one; OperatorError when this hour has none left."""
        now = self._clock.monotonic()
        while self._spent and now - self._spent[0] >= _HOUR_S:
            self._spent.popleft()
        if len(self._spent) >= self._an_hour:
            wait = _HOUR_S - (now - self._spent[0])
            raise OperatorError(f"no {cause} now: {self._an_hour} registrations in an hour are enough for a "
                                f"network; the next one may be in {wait:.0f} s", remedy="wait")
        self._spent.append(now)


class AtHands:
    """Everything that AT commands can do. Hardware off and on is for a subclass that knows the hardware."""

    def __init__(self, channel: Channel, budget: AttachBudget | None = None, *, boot_s: float = 60.0,
                 pause_s: float = BETWEEN_FLIPS_S.value) -> None:
        """``boot_s``: the longest time from a restart to the first answer; ``pause_s``: between radio off and
        on; seconds."""
        self._channel = channel
        self.budget: AttachBudget = budget or HourlyBudget()
        self._boot_s = boot_s
        self._pause_s = pause_s

    @property
    def at(self) -> Channel:
        """The channel."""
        return self._channel

    def reattach(self, lines: tuple[str, ...]) -> None:
        """See Hands; a pause lies between the two."""
        self.budget.spend("watchdog: radio off and on")
        for number, line in enumerate(lines):
            if number:
                time.sleep(self._pause_s)
            self.at.send(line)

    def reboot(self, line: str) -> None:
        """See Hands."""
        self.budget.spend("watchdog: restart by command")
        at = self.at
        at.settings.forget()
        at.wear.forget()
        with at.declare_reboot(self._boot_s):
            at.send(line)
            _await_down(at)
            at.sync(self._boot_s)

    def switch_off(self) -> None:
        """NotPossible: AT commands cannot."""
        raise NotPossible("nothing here can switch the module off by its hardware",
                          remedy="write Hands for PWR_ON, RESET_N or the supply of your board")

    def update_signs(self, listen_s: float) -> str:
        """Nothing: what cannot be switched off needs no guarding."""
        del listen_s
        return ""


def _await_down(at: Channel) -> None:
    """Until the module has left AT for its restart."""
    until = time.monotonic() + _DOWN_S
    while time.monotonic() < until and at.is_up and not at.silent():
        at.wait_until(lambda: not at.is_up, 0.05)
