"""Where messages are kept: in the module (ME, with NVM) and on the card (SM, EF SMS of 3GPP TS 31.102
4.2.25)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cellbench.virtual.net.telephone.fields import Malformed, Reader, take_centre
from cellbench.virtual.net.telephone.tpdu import SUBMIT, Deliver, StatusReport, Submit
from cellbench.virtual.uicc.layout import SMS

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module
    from cellbench.virtual.device.sim import Sim

UNREAD, READ, UNSENT, SENT = 0, 1, 2, 3  # <stat> of 27.005 3.1
KEPT = "sms"  # the setting; +UFACTORY leaves it alone (LENA-R8 guide 6.2)
RECORD = 176
_STATUS = {UNREAD: 3, READ: 1, UNSENT: 7, SENT: 5}  # of 31.102 4.2.25
_STATS = {status: stat for stat, status in _STATUS.items()}


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored message: service centre and TPDU, as <pdu> has them."""

    stat: int
    pdu: bytes

    @property
    def tpdu(self) -> bytes:
        """Without the service centre."""
        reader = Reader(self.pdu)
        take_centre(reader)
        return reader.rest()

    def decoded(self) -> Deliver | Submit | StatusReport:
        """The message. Malformed when it cannot be read."""
        octets = self.tpdu
        if self.stat in (UNSENT, SENT) and octets and octets[0] & 3 == SUBMIT:
            return Submit.decode(octets)
        if octets and octets[0] & 3 == 2:
            return StatusReport.decode(octets)
        return Deliver.decode(octets)


class Store(Protocol):
    """Places for messages, numbered from 0."""

    @property
    def places(self) -> int:
        """How many there are."""
        ...

    def read(self, place: int) -> Entry | None:
        """What a place holds."""
        ...

    def write(self, place: int, entry: Entry | None) -> None:
        """Put a message there, or empty it."""
        ...


class CardRecords(Protocol):
    """EF SMS as the card gives it."""

    def sms_records(self) -> tuple[bytes, ...]:
        """All records; none on a card without the file."""
        ...

    def write_sms(self, place: int, record: bytes) -> None:
        """Write a record, counted from 0."""
        ...


class ModuleStore:
    """ME."""

    def __init__(self, module: Module) -> None:
        self._module = module

    @property
    def places(self) -> int:
        """How many there are."""
        return self._module.config.behaviour.sms_places

    def read(self, place: int) -> Entry | None:
        """What a place holds."""
        value = self._module.settings.mapping(KEPT).get(str(place))
        if not isinstance(value, (list, tuple)) or len(value) != 2:
            return None
        return Entry(int(value[0]), bytes.fromhex(str(value[1])))

    def write(self, place: int, entry: Entry | None) -> None:
        """Put a message there, or empty it."""
        stored = self._module.settings.mapping(KEPT)
        stored.pop(str(place), None)
        if entry is not None:
            stored[str(place)] = [entry.stat, entry.pdu.hex()]
        self._module.settings.store(KEPT, stored)


class CardFile:
    """EF SMS of the card in the slot; no records while there is none that can be used."""

    def __init__(self, sim: Sim) -> None:
        self._sim = sim

    def sms_records(self) -> tuple[bytes, ...]:
        """All records."""
        ef = self._sim.file(SMS) if self._sim.usable else None
        return () if ef is None else tuple(ef.read(number) for number in range(1, ef.records + 1))

    def write_sms(self, place: int, record: bytes) -> None:
        """Write a record."""
        ef = self._sim.file(SMS) if self._sim.usable else None
        if ef is not None and place < ef.records:
            ef.write(place + 1, record)


class CardStore:
    """SM."""

    def __init__(self, records: CardRecords) -> None:
        self._records = records

    @property
    def places(self) -> int:
        """How many there are."""
        return len(self._records.sms_records())

    def read(self, place: int) -> Entry | None:
        """What a place holds."""
        records = self._records.sms_records()
        if place >= len(records):
            return None
        status, body = records[place][0] & 7, records[place][1:]
        if not status & 1:
            return None
        return Entry(_STATS.get(status, READ), _trimmed(body))

    def write(self, place: int, entry: Entry | None) -> None:
        """Put a message there, or empty it."""
        if entry is None:
            record = b"\x00" + b"\xff" * (RECORD - 1)
        else:
            record = (bytes((_STATUS[entry.stat],)) + entry.pdu).ljust(RECORD, b"\xff")[:RECORD]
        self._records.write_sms(place, record)


def _trimmed(body: bytes) -> bytes:
    """A record's message without its padding: as long as it decodes to."""
    try:
        reader = Reader(body)
        take_centre(reader)
        head = len(body) - reader.left
        rest = reader.rest()
    except Malformed:
        return body.rstrip(b"\xff")
    kinds = (Deliver, Submit, StatusReport)
    kind = kinds[min(rest[0] & 3, 2)] if rest else Deliver
    for size in range(len(rest.rstrip(b"\xff")), len(rest) + 1):
        try:
            kind.decode(rest[:size])
        except Malformed:
            continue
        return body[:head + size]
    return body[:head] + rest.rstrip(b"\xff")


class Both:
    """MT: the module's places, then the card's."""

    def __init__(self, *stores: Store) -> None:
        self._stores = stores

    @property
    def places(self) -> int:
        """How many there are."""
        return sum(one.places for one in self._stores)

    def _find(self, place: int) -> tuple[Store, int]:
        for one in self._stores:
            if place < one.places:
                return one, place
            place -= one.places
        raise IndexError(place)

    def read(self, place: int) -> Entry | None:
        """What a place holds."""
        store, own = self._find(place)
        return store.read(own)

    def write(self, place: int, entry: Entry | None) -> None:
        """Put a message there, or empty it."""
        store, own = self._find(place)
        store.write(own, entry)


def entries(store: Store) -> Iterator[tuple[int, Entry]]:
    """Messages with their places, in order."""
    for place in range(store.places):
        entry = store.read(place)
        if entry is not None:
            yield place, entry


def used(store: Store) -> int:
    """How many places hold a message."""
    return sum(1 for _ in entries(store))


def free_place(store: Store) -> int | None:
    """The first free place, None when the store is full."""
    return next((place for place in range(store.places) if store.read(place) is None), None)
