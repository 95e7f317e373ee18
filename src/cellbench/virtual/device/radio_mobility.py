"""What the network around the module does to its registration: coverage, refusals, another RAT or PLMN."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cellbench.virtual.device.network import Change, RadioState, Rat
from cellbench.virtual.uicc import coding, layout

if TYPE_CHECKING:
    from cellbench.virtual.device.radio import Radio

# 24.301 5.5.1.2.5
_CARD_CAUSES = frozenset({3, 6, 7, 8})  # the card is out of use until the module is switched off
_NETWORK_CAUSES = frozenset({11, 35})  # the PLMN goes into EF_FPLMN
_FINAL_CAUSES = _CARD_CAUSES | _NETWORK_CAUSES | {12, 13, 14, 15, 25}
_UPDATE, _ENTRY = 0xD6, 3
_FREE = b"\xff\xff\xff"


class Refusals:
    """What the network's refusals leave behind in the module and on its card."""

    def __init__(self, radio: Radio) -> None:
        self._radio = radio
        self.card_out_of_use = False
        self.tries = 0  # attach requests in vain since the last registration

    def begin(self) -> None:
        """The module is switched on, or another card is in."""
        self.card_out_of_use, self.tries = False, 0

    def radio_off(self) -> None:
        """+CFUN=0 or 4."""
        self.tries = 0
        if self._radio.module.config.behaviour.cfun_ends_refusal:
            self.card_out_of_use = False

    def pause_after(self, cause: int) -> float | None:
        """Seconds until the next attach request; None: there is none by itself."""
        behaviour = self._radio.module.config.behaviour
        self.tries += 1
        if cause in _CARD_CAUSES:
            self.card_out_of_use = True
        if cause in _NETWORK_CAUSES:
            self._list(forbidden=True)
        if cause in _FINAL_CAUSES:
            self.tries = 0
            return None
        if self.tries < behaviour.attach_tries:
            return float(behaviour.retry_s)
        self.tries = 0
        return float(behaviour.retry_long_s)

    def registered(self) -> None:
        """A network that took the module is no longer forbidden (23.122 3.1)."""
        self.tries = 0
        if self.forbidden:
            self._list(forbidden=False)

    @property
    def forbidden(self) -> bool:
        """True when the network of this place is on the card's list."""
        content = self._radio.module.sim.content(layout.FPLMN)
        return self._here in (content[place:place + _ENTRY] for place in range(0, len(content), _ENTRY))

    @property
    def keep_away(self) -> bool:
        """True when no attach request may go to the network of this place; a manual selection may."""
        return self._radio.mode not in (1, 4) and self.forbidden

    @property
    def _here(self) -> bytes:
        return coding.plmn(self._radio.module.network.facts.plmn)

    def _list(self, *, forbidden: bool) -> None:
        sim = self._radio.module.sim
        ef = sim.file(layout.FPLMN)
        if ef is None:
            return
        content = bytes(ef.content)
        listed = [content[place:place + _ENTRY] for place in range(0, len(content), _ENTRY)]
        kept = [one for one in listed if one not in (self._here, _FREE)]
        if forbidden:
            kept = [*kept, self._here][-len(listed):]  # the oldest gives way
        sim.run(ef, _UPDATE, 0, 0, b"".join(kept).ljust(len(content), b"\xff"))


class Abroad:
    """The periodic search for a network of higher priority while roaming (23.122 4.4.3.3)."""

    def __init__(self, radio: Radio) -> None:
        self._radio = radio
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Registered: the first search, when the network is not the card's own."""
        self.end()
        if self._radio.roaming:
            self._wait(self._radio.module.config.behaviour.better_first_s)

    def end(self) -> None:
        """No longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self, seconds: float) -> None:
        self._timer = self._radio.module.pace.later(seconds, self._look)

    def _look(self) -> None:
        module, radio = self._radio.module, self._radio
        if not (radio.registered and radio.roaming):
            return
        behaviour = module.config.behaviour
        if radio.connected:
            self._wait(behaviour.rrc_release_s)  # only in idle
            return
        better = module.network.beside
        if better and module.sim.imsi.startswith(better) and radio.mode == 0:
            module.network.enter(better)
            return
        period = module.sim.content(layout.HPPLMN)[:1] or b"\x05"
        if period[0]:
            self._wait(period[0] * behaviour.better_unit_s)


def react(radio: Radio, change: Change) -> None:
    """The network around the module changed (LENA-R8 guide 7.4)."""
    if change is Change.COVERAGE:
        _coverage(radio)
    elif change is Change.REJECT:
        _reject(radio)
    elif change is Change.RAT:
        _rat(radio)
    elif change is Change.PLMN:
        _plmn(radio)


def _coverage(radio: Radio) -> None:
    if not radio.module.network.found and radio.registered:
        radio.leave("ME DETACH", RadioState.LOST)
        radio.seek()
    elif radio.module.network.found and radio.mode != 2 and not radio.registered:
        radio.start()


def _reject(radio: Radio) -> None:
    """A refusing network throws the module out; one that stopped refusing takes it again."""
    if radio.mode == 2:
        return
    if radio.module.network.reject is not None and radio.registered:
        radio.leave("NW DETACH")
    radio.start()


def _rat(radio: Radio) -> None:
    """Another RAT serves the place: reselection when the module may use it."""
    network = radio.module.network
    if radio.mode == 2 or (network.rat is radio.rat and radio.registered):
        return
    if not radio.registered or network.rat not in radio.allowed_rats():
        radio.leave()
        radio.start()
        return
    contexts, was_lte = radio.module.contexts, radio.rat is Rat.LTE
    radio.rat = network.rat
    if was_lte:
        contexts.leave_lte()
    radio.tell_registration()
    initial = contexts.get(contexts.initial_cid)
    if radio.rat is Rat.LTE and (initial is None or not initial.active):
        contexts.attach()


def _plmn(radio: Radio) -> None:
    """Another network serves the place: the module attaches anew, its contexts are gone."""
    if radio.mode == 2:
        return
    radio.leave("NW DETACH" if radio.registered else "")
    radio.start()
