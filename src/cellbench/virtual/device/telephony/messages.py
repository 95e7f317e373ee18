"""Messages that come in and go out: what is stored, passed on, told of (3GPP TS 27.005 3.4.1, 24.011 5)."""

from __future__ import annotations

import asyncio
import enum
from collections import deque
from typing import TYPE_CHECKING

from cellbench.virtual.device.telephony.store import (
    UNREAD,
    Both,
    CardFile,
    CardStore,
    Entry,
    ModuleStore,
    Store,
    free_place,
    used,
)
from cellbench.virtual.device.telephony.texts import Charset, passed_on, report_text
from cellbench.virtual.front.context import Refusal
from cellbench.virtual.net.telephone.centre import MEMORY_FULL, Rejected, Unanswered
from cellbench.virtual.net.telephone.fields import Address, Malformed, put_centre
from cellbench.virtual.net.telephone.tpdu import Deliver, StatusReport, Submit, decode

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module

UNKNOWN_CENTRE, NO_SERVICE, TIMEOUT, NOT_ACKNOWLEDGED = 330, 331, 332, 340
_NOT_OF_A_KIND = 111  # 24.011: protocol error, unspecified
_CLASS_CARD, _CLASS_TERMINAL = 2, 3
_BUFFER = 50
_STORES = ("ME", "SM", "MT")


class Route(enum.Enum):
    """Where a message goes."""

    STORED = "stored"
    TOLD = "stored and told of"
    PASSED = "passed on"


class Messages:
    """The message service of one boot (a subsystem)."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._buffer: deque[str] = deque(maxlen=_BUFFER)  # +CNMI mode 0
        self._unacknowledged: asyncio.TimerHandle | None = None
        self.more = 0  # +CMMS

    def power_off(self) -> None:
        """Nothing waits for an acknowledgement any more."""
        self.acknowledge()

    # stores
    def store(self, name: str) -> Store:
        """ME, SM or MT."""
        own, card = ModuleStore(self._module), CardStore(CardFile(self._module.sim))
        stores: dict[str, Store] = {"ME": own, "SM": card, "MT": Both(own, card)}
        return stores[name]

    def chosen(self, place: int) -> tuple[str, Store]:
        """The store that +CPMS names for reading and deleting (0), writing and sending (1), receiving (2)."""
        name = self.names[place]
        return name, self.store(name)

    @property
    def names(self) -> list[str]:
        """The three stores of +CPMS."""
        stored = [str(one) for one in self._module.settings.items("+CPMS")]
        return stored if len(stored) == 3 and set(stored) <= set(_STORES) else ["ME"] * 3

    @property
    def full(self) -> bool:
        """True when the store for what comes in is full."""
        return free_place(self.chosen(2)[1]) is None

    @property
    def unread(self) -> bool:
        """True while a message that came in has not been read."""
        store = self.chosen(2)[1]
        return any((entry := store.read(place)) is not None and entry.stat == UNREAD
                   for place in range(store.places))

    def index(self, place: int) -> int:
        """<index> of a place."""
        return place + self._module.config.behaviour.sms_first_index

    def changed(self) -> None:
        """A place was emptied or filled: the network may try again, indicators follow."""
        self._module.radio.tell_indicators()
        self._module.subscriber.memory_available()

    # coming in
    @property
    def reporting(self) -> list[int]:
        """+CNMI: mode, mt, bm, ds, bfr."""
        values = list(self._module.settings.numbers("+CNMI"))
        return values + [0] * (5 - len(values))

    @property
    def text_mode(self) -> bool:
        """+CMGF."""
        return self._module.settings.number("+CMGF") == 1

    @property
    def charset(self) -> Charset:
        """+CSCS."""
        return Charset(self._module.settings.text("+CSCS", "IRA"))

    @property
    def headers(self) -> bool:
        """+CSDH."""
        return self._module.settings.number("+CSDH") == 1

    def incoming(self, tpdu: bytes, centre: Address) -> int | None:
        """The network hands a message over; None, or the cause why it is not taken."""
        try:
            message = decode(tpdu)
        except Malformed:
            return _NOT_OF_A_KIND
        entry = Entry(UNREAD, put_centre(centre) + tpdu)
        if isinstance(message, StatusReport):
            return self._take_report(entry, message)
        if isinstance(message, Submit):
            return _NOT_OF_A_KIND
        if self._unacknowledged is not None:
            return MEMORY_FULL  # one at a time: the host has not acknowledged the last one
        route, wanted = self._route(message)
        if route is Route.PASSED:
            self._tell(passed_on(entry, self.charset, headers=self.headers) if self.text_mode
                       else f"+CMT: ,{len(tpdu)}\r\n{entry.pdu.hex().upper()}")
            self._await_acknowledgement()
        else:
            name, store = (wanted, self.store(wanted)) if wanted else self.chosen(2)
            place = free_place(store)
            if place is None:
                self._module.radio.tell_indicators()
                return MEMORY_FULL
            store.write(place, entry)
            if route is Route.TOLD:
                self._tell(f'+CMTI: "{name}",{self.index(place)}')
            self._module.radio.tell_indicators()
        self._module.serial.ring(self._module.config.behaviour.ring_sms_s)
        return None

    def _route(self, message: Deliver) -> tuple[Route, str]:
        """27.005 3.4.1, <mt>: where a DELIVER goes, and the store that its class asks for."""
        mt, scheme = self.reporting[1], message.coding
        wanted = "SM" if scheme.number == _CLASS_CARD else ""
        direct = (mt == 2 and not wanted and not (scheme.waiting and not scheme.discard)) or (
            mt == 3 and scheme.number == _CLASS_TERMINAL)
        if direct:
            return Route.PASSED, ""
        return (Route.TOLD if mt else Route.STORED), wanted

    def _take_report(self, entry: Entry, report: StatusReport) -> int | None:
        ds = self.reporting[3]
        if ds == 1:
            self._tell(f"+CDS: {report_text(report, self.charset)}" if self.text_mode
                       else f"+CDS: {len(entry.tpdu)}\r\n{entry.pdu.hex().upper()}")
            self._await_acknowledgement()
        elif ds == 2:
            name, store = self.chosen(2)
            place = free_place(store)
            if place is None:
                return MEMORY_FULL
            store.write(place, entry)
            self._tell(f'+CDSI: "{name}",{self.index(place)}')
        return None

    def _tell(self, text: str) -> None:
        """27.005 3.4.1, <mode>: 0 keeps it in the module, 1 drops it on a busy port, 2 lets it wait."""
        mode = self.reporting[0]
        if mode == 0:
            self._buffer.append(text)
        else:
            self._module.urc(text, keep=mode != 1)

    def reporting_changed(self) -> None:
        """+CNMI was set: what the module kept goes out, or is forgotten with <bfr> 1."""
        values = self.reporting
        if values[0] == 0:
            return
        waiting, self._buffer = self._buffer, deque(maxlen=_BUFFER)
        if values[4] == 0:
            for text in waiting:
                self._module.urc(text)

    # acknowledgement of what was passed on
    def _await_acknowledgement(self) -> None:
        if self._module.settings.number("+CSMS") == 1:
            wait = self._module.config.behaviour.sms_ack_s
            self._unacknowledged = self._module.pace.later_true(wait, self._not_acknowledged)

    def _not_acknowledged(self) -> None:
        """27.005 3.4.4: the module stops passing on."""
        self._unacknowledged = None
        values = self.reporting
        self._module.settings.put("+CNMI", [values[0], 0, values[2], 0, values[4]])
        self._module.subscriber.memory_available()

    def acknowledge(self) -> bool:
        """+CNMA; False when nothing waits for it."""
        if self._unacknowledged is None:
            return False
        self._unacknowledged.cancel()
        self._unacknowledged = None
        return True

    def acknowledged(self) -> None:
        """The next message may come."""
        self._module.subscriber.memory_available()

    # going out
    def reference(self) -> int:
        """The next TP-MR."""
        settings = self._module.settings
        number = (settings.number("sms reference", -1) + 1) & 255
        settings.put_volatile("sms reference", number)
        return number

    async def send(self, submit: Submit, centre: Address | None) -> int:
        """Hand a message to the network; its reference. Refusal with the +CMS ERROR number."""
        module, behaviour = self._module, self._module.config.behaviour
        if not module.radio.registered:
            raise Refusal.cms(behaviour.sms_network_error)
        if centre is None or not centre.digits:
            raise Refusal.cms(UNKNOWN_CENTRE)
        module.radio.transmitting()
        await module.pace.take(behaviour.sms_send_s)
        if not module.radio.registered:
            raise Refusal.cms(behaviour.sms_network_error)
        try:
            module.subscriber.submit(submit)
        except Rejected as rejected:
            raise Refusal.cms(rejected.cause) from None
        except Unanswered:
            await module.pace.take(behaviour.sms_timeout_s)
            raise Refusal.cms(TIMEOUT) from None
        module.radio.activity()
        return submit.reference

    def counts(self, name: str) -> tuple[int, int]:
        """Used and all places of a store."""
        store = self.store(name)
        return used(store), store.places
