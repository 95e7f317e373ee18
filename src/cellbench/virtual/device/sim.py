"""The card in the module's slot as the module drives it: presence, start-up, PIN, its files, its toolkit."""

from __future__ import annotations

import asyncio
import enum
from typing import TYPE_CHECKING

from cellbench.virtual.device import gpio
from cellbench.virtual.front.context import Refusal
from cellbench.virtual.uicc import build, coding, layout, terminal
from cellbench.virtual.uicc.apdu import Command, Refused
from cellbench.virtual.uicc.applet import LIMITED, NORMAL, location_status
from cellbench.virtual.uicc.card import BASIC, Card
from cellbench.virtual.uicc.dispatch import run, transmit
from cellbench.virtual.uicc.files import Ef, applications, located
from cellbench.virtual.uicc.pins import PIN1, PIN2, Pin, padded
from cellbench.virtual.uicc.profile import CardProfile
from cellbench.virtual.uicc.toolkit import UICC_RESET, refresh

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module

NOT_INSERTED, PIN_NEEDED, PUK_NEEDED, FAILURE, BUSY, WRONG_PASSWORD = 10, 11, 12, 13, 14, 16
PUK2_NEEDED = 18
GPIO5, DETECTION = 42, 7  # facts sheet 13.2
PROFILE = bytes.fromhex("FFFFFFFF7F0D00DF7F00001F2203")
"""A terminal profile of a data module: SMS-PP download, REFRESH, BIP (TS 102 223 5.2)."""
_DONE = b"\x90\x00"
FETCH = bytes.fromhex("8012000000")
RESPONSE = bytes.fromhex("801400000C8103010100820282818303")  # general result follows (TS 102 223 6.8)


class PinState(enum.Enum):
    """What +CPIN? answers."""

    READY = "READY"
    PIN = "SIM PIN"
    PUK = "SIM PUK"


class SimStatus(enum.IntEnum):
    """What +UUSIMSTAT tells (facts sheet 9)."""

    ABSENT = 0
    PIN = 1
    BLOCKED = 2
    OPERATIONAL = 6


class Sim:
    """One slot for a card. What is on the card (files, PINs, tries) survives power cycles of the module."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self.present = module.config.sim.present
        self.profile = module.config.sim.profile
        self._cards = {self.profile.iccid: build.card_of(self.profile)}
        self.card = self._cards[self.profile.iccid]
        self._started = False
        self._powered = False
        self._lost = False  # taken out since it was started
        self._ready = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._told: SimStatus | None = None

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
        self._started = self._powered = self._lost = False
        self.card.reset()
        self._ready.clear()

    def _start(self) -> None:
        """What a terminal does with a card: reset, profile, application, channels of its own."""
        self._timer = None
        self._started = True
        if self.present:
            self.card.reset()
            self.exchange(bytes([0x80, 0x10, 0, 0, len(PROFILE)]) + PROFILE)
            self.exchange(bytes([0x00, 0xA4, 0x04, 0x04, len(layout.USIM_AID)]) + layout.USIM_AID)
            if self._module.config.behaviour.channel_1_in_use:
                self.exchange(bytes.fromhex("0070000001"))
        self.look()

    def look(self) -> None:
        """What a host did to the card may have opened or blocked it."""
        if self.usable:
            self._ready.set()
        else:
            self._ready.clear()
        self.tell()

    def remove(self) -> None:
        """The card is taken out. With the detection pin in use the module knows at once, and leaves the
        network; without it, when it next wants something of the card."""
        self.present = False
        self._lost = True
        self.card.reset()
        self._ready.clear()
        if self._detected and self._powered:
            self._module.radio.card_changed()
            self.tell()

    def insert(self, card: CardProfile | None = None) -> None:
        """A card is put in: the one that was there, or another. It is started where the module has hot
        insertion, else at its next start."""
        if card is not None:
            self._take(card)
        self.present = True
        if self._powered and self._detected and self._module.config.behaviour.sim_hot_insertion:
            self.power_on()
            self._module.radio.card_changed()

    def _take(self, card: CardProfile) -> None:
        self.profile = card
        self._cards = {card.iccid: build.card_of(card)}
        self.card = self._cards[card.iccid]

    @property
    def _detected(self) -> bool:
        return gpio.function(self._module, GPIO5) == DETECTION

    # what a card does by itself
    def swap_imsi(self, imsi: str) -> None:
        """The applet of a multi-IMSI card takes another identity and asks for a REFRESH."""
        build.swap(self.card, imsi, self.profile)
        self.serve_toolkit()

    def enable_profile(self, iccid: str) -> None:
        """An eUICC takes another of its profiles and asks for a REFRESH (SGP.02 3.2.1, SGP.22 3.2.1)."""
        wanted = next(one for one in (self.profile, *self.profile.profiles) if one.iccid == iccid)
        before = self.card
        self.card = self._cards.get(iccid) or self._cards.setdefault(iccid, build.card_of(wanted))
        if self.card is not before:
            self.card.reset()
            self.card.toolkit.profile = before.toolkit.profile
        self.card.toolkit.waiting.append(refresh(UICC_RESET))
        self.serve_toolkit()

    def serve_toolkit(self) -> None:
        """Fetch and answer what the card wants of the terminal (TS 102 223 6.2). After a REFRESH the card is
        started anew and the module registers with what it finds then."""
        if not (self._started and self._there):
            self.card.toolkit.waiting.clear()  # the card is read at its start in any case
            return
        if not self.card.toolkit.waiting:
            return
        while self.card.toolkit.waiting:
            self.exchange(FETCH)
            self.exchange(RESPONSE + b"\x01\x00")
        self.power_on()
        self._module.pace.loop.call_soon(self._module.radio.card_changed)

    def tell_location(self, *, limited: bool) -> None:
        """How the registration stands, for the card's applet (LENA-R8 guide 10.1.1)."""
        if self._started and self._there:
            data = location_status(LIMITED if limited else NORMAL)
            self.exchange(bytes([0x80, 0xC2, 0, 0, len(data)]) + data)
            self.serve_toolkit()

    # state
    def exchange(self, apdu: bytes, *, repeat: bool = True) -> bytes:
        """An APDU to the card and its response, what T=0 asks for followed up (6CXX only with ``repeat``)."""
        return terminal.exchange(self.transmit, apdu, repeat=repeat)

    def transmit(self, raw: bytes) -> bytes:
        """A command of T=0 as it stands."""
        return transmit(self.card, raw)

    def run(self, ef: Ef | None, ins: int, p1: int, p2: int, data: bytes = b"", expected: int = 0) -> bytes:
        """A command of the module's own, on a file where it needs one: data and status word. The channels
        that hosts see are left alone."""
        channel = self.card.private()
        if ef is not None:
            channel.enter(ef)
        channel.application = next(iter(applications(self.card.master)), None)
        command = Command(0x00, ins, p1, p2, len(data) or expected & 0xFF, data)
        try:
            reply = run(self.card, channel, command)
        except Refused as refusal:
            return refusal.sw.to_bytes(2, "big")
        return reply.data + reply.sw.to_bytes(2, "big")

    @property
    def pin1(self) -> Pin:
        """PIN1 of the card."""
        return self.card.pins.get(PIN1)

    @property
    def pin2(self) -> Pin:
        """PIN2 of the card."""
        return self.card.pins.get(PIN2)

    @property
    def pin_state(self) -> PinState:
        """What the card asks for."""
        if not self.pin1.left:
            return PinState.PUK
        return PinState.READY if self.pin1.satisfied else PinState.PIN

    @property
    def usable(self) -> bool:
        """True when the card is started, asks for nothing and names a subscriber."""
        return self._there and self._started and self.pin_state is PinState.READY and bool(self.imsi)

    @property
    def _there(self) -> bool:
        """True while the card that the module started, or is starting, is in."""
        return self.present and not self._lost

    @property
    def iccid(self) -> str:
        """The identity in EF_ICCID, as +CCID shows it."""
        return coding.unswapped(self.content(layout.ICCID))

    @property
    def imsi(self) -> str:
        """The identity in EF_IMSI."""
        return coding.imsi_of(self.content(layout.IMSI))

    def file(self, fid: int, path: tuple[int, ...] = ()) -> Ef | None:
        """An elementary file: below ``path`` from the MF, or else where the terminal looks for it: in the
        USIM, then in DF Telecom; identifiers 2Fxx in the MF (TS 31.101 8.2)."""
        master = self.card.master
        usim = tuple(applications(master)[:1])
        folders = [located(master, path)] if path else [
            master] if fid >> 8 == 0x2F else [*usim, located(master, (layout.DF_TELECOM,))]
        for folder in folders:
            found = None if folder is None or isinstance(folder, Ef) else folder.child(fid)
            if isinstance(found, Ef):
                return found
        return None

    def content(self, fid: int) -> bytes:
        """The content of a file, empty when the card has none of that number."""
        found = self.file(fid)
        return b"" if found is None else bytes(found.content)

    async def wait_ready(self) -> None:
        """Wait until the card is usable."""
        await self._ready.wait()

    def require_started(self) -> None:
        """Refusal while there is no card, or it is still starting."""
        if not self._there or not self._powered:
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

    def tell(self) -> None:
        """+CIEV of simind, and +UUSIMSTAT where +UCUSATA=4 wants it, when something has changed."""
        self._module.radio.tell_indicators()
        now = self.status
        if now is not self._told and self._module.settings.number("+UCUSATA") == 4:
            self._module.urc(f"+UUSIMSTAT: {now.value}")
        self._told = now

    @property
    def status(self) -> SimStatus:
        """The state of the card as +UUSIMSTAT has it."""
        if not self._there or not self._started:
            return SimStatus.ABSENT
        states = {PinState.PIN: SimStatus.PIN, PinState.PUK: SimStatus.BLOCKED}
        return states.get(self.pin_state, SimStatus.OPERATIONAL)

    def note_place(self) -> None:
        """Where the module has registered goes into EF_LOCI, PSLOCI and EPSLOCI (TS 31.102 4.2.17, 4.2.23,
        4.2.91), into those that are erased or name another network."""
        network = self._module.network
        home, area = coding.plmn(network.facts.plmn), network.area.to_bytes(2, "big")
        temporary = (int(self.imsi[-9:] or 0) | 0xC0000000).to_bytes(4, "big")
        places = (
            (layout.LOCI, 4, temporary + home + area + b"\0\0"),
            (layout.PSLOCI, 7, temporary + b"\xff\xff\xff" + home + area + b"\x01\0"),
            (layout.EPSLOCI, 2, b"\x0b\xf6" + home + b"\x80\x01\x01" + temporary + home + area + b"\0"),
        )
        for fid, place, content in places:
            ef = self.file(fid)
            if ef is not None and bytes(ef.content[place:place + 3]) != home:
                self.run(ef, 0xD6, 0, 0, content)

    # PINs
    def verify(self, pin: str) -> None:
        """+CPIN=<pin>."""
        self._pin_command(0x20, PIN1, pin)

    def unblock(self, puk: str, new_pin: str) -> None:
        """+CPIN=<puk>,<new pin>."""
        if not self.pin1.unblocking_left:
            raise Refusal.cme(FAILURE)
        self._pin_command(0x2C, PIN1, puk, new_pin)

    def change(self, key: int, old: str, new: str) -> None:
        """+CPWD: another PIN1 or PIN2."""
        self._pin_command(0x24, key, old, new)

    def lock(self, pin: str, *, on: bool) -> None:
        """+CLCK of SC: the PIN is asked for at the start from now on, or no longer. A lock that is as it
        shall be is left so, once the PIN has been found right."""
        if self.pin1.enabled is on:
            self._compare(pin)
        else:
            self._pin_command(0x28 if on else 0x26, PIN1, pin)

    def fix_dialling(self, pin2: str, *, on: bool) -> None:
        """+CLCK of FD: fixed dialling numbers, a bit of EF_EST (TS 31.102 4.2.47)."""
        self._pin_command(0x20, PIN2, pin2)
        table = self.file(layout.EST)
        if table is not None:
            self.run(table, 0xD6, 0, 0, bytes([table.content[0] & ~1 | int(on)]))

    def _compare(self, pin: str) -> None:
        """Whether PIN1 is right; a disabled one is enabled and disabled again."""
        if self.pin1.enabled:
            self._pin_command(0x20, PIN1, pin)
        else:
            self._pin_command(0x28, PIN1, pin)
            self._pin_command(0x26, PIN1, pin)

    def _pin_command(self, ins: int, key: int, *codes: str) -> None:
        """A PIN command to the card; Refusal 16 when the code is wrong, 12 or 18 when it is blocked by it."""
        answer = self.run(None, ins, 0, key, b"".join(map(padded, codes)))
        if answer == _DONE:
            self.look()
            return
        self.look()
        if ins == 0x2C:
            raise Refusal.cme(WRONG_PASSWORD)
        blocked = PUK_NEEDED if key == PIN1 else PUK2_NEEDED
        raise Refusal.cme(blocked if not self.card.pins.get(key).left else WRONG_PASSWORD)


def state_of(card: Card) -> dict[str, str]:
    """What a report shows of a card."""
    pin1 = card.pins.get(PIN1)
    channels = ",".join(str(one) for one in sorted(card.channels) if one != BASIC)
    return {"pin": "on" if pin1.enabled else "off", "pin_tries": str(pin1.left),
            "puk_tries": str(pin1.unblocking_left), "channels": channels,
            "authenticated": str(card.aka.done if card.aka is not None else 0),
            "refreshes": str(len(card.toolkit.responses))}
