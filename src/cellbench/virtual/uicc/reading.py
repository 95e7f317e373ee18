"""READ and UPDATE of transparent files and of records, SEARCH RECORD, INCREASE (11.1.3 to 11.1.8)."""

from __future__ import annotations

from cellbench.virtual.uicc.access import Operation
from cellbench.virtual.uicc.apdu import Command, Refused, Reply, Sw, exact
from cellbench.virtual.uicc.card import Card, Channel
from cellbench.virtual.uicc.files import Ef, Structure

NEXT, PREVIOUS, ABSOLUTE = 0x02, 0x03, 0x04  # table 11.11
FORWARD, BACKWARD, ENHANCED = 0x04, 0x05, 0x06  # table 11.13
NEXT_FORWARD, PREVIOUS_BACKWARD = 0x06, 0x07  # table 11.14
BY_VALUE = 0x08
SHORT = 0x80
MAX_INCREASE = 127


def read_binary(card: Card, channel: Channel, command: Command) -> Reply:
    """READ BINARY (11.1.3)."""
    ef, offset = _transparent(channel, command)
    card.require(ef, Operation.READ)
    left = len(ef.content) - offset
    if left <= 0:
        raise Refused(Sw.WRONG_P1P2)
    if command.expected > left:
        raise Refused(exact(left))
    return Reply(bytes(ef.content[offset:offset + command.expected]))


def update_binary(card: Card, channel: Channel, command: Command) -> Reply:
    """UPDATE BINARY (11.1.4)."""
    ef, offset = _transparent(channel, command)
    card.require(ef, Operation.UPDATE)
    if offset >= len(ef.content):
        raise Refused(Sw.WRONG_P1P2)
    if not command.data or offset + len(command.data) > len(ef.content):
        raise Refused(Sw.WRONG_LENGTH)
    ef.content[offset:offset + len(command.data)] = command.data
    return Reply()


def _transparent(channel: Channel, command: Command) -> tuple[Ef, int]:
    """The file and the offset that P1 and P2 name (table 11.10)."""
    if command.p1 & SHORT:
        if command.p1 & 0x60:
            raise Refused(Sw.BAD_P1P2)
        ef, offset = _named(channel, command.p1 & 0x1F), command.p2
    else:
        ef, offset = _current(channel), command.p1 << 8 | command.p2
    if ef.structure is not Structure.TRANSPARENT:
        raise Refused(Sw.STRUCTURE)
    return ef, offset


def _current(channel: Channel) -> Ef:
    if channel.ef is None:
        raise Refused(Sw.NO_EF)
    return channel.ef


def _named(channel: Channel, sfi: int) -> Ef:
    """The file of a short identifier, which becomes the current one (8.5)."""
    found = channel.df.by_sfi(sfi) if sfi else None
    if found is None:
        raise Refused(Sw.FILE_NOT_FOUND)
    channel.enter(found)
    return found


def _recorded(channel: Channel, command: Command) -> Ef:
    """The file that P2 names: the current one, or by its short identifier (table 11.11)."""
    sfi = command.p2 >> 3
    ef = _named(channel, sfi) if sfi else _current(channel)
    if ef.structure is Structure.TRANSPARENT:
        raise Refused(Sw.STRUCTURE)
    return ef


def read_record(card: Card, channel: Channel, command: Command) -> Reply:
    """READ RECORD (11.1.5): the pointer stays where it was when nothing is read."""
    ef = _recorded(channel, command)
    card.require(ef, Operation.READ)
    number, moves = _record(channel, ef, command)
    if command.expected != ef.record:
        raise Refused(exact(ef.record))
    if moves:
        channel.record = number
    return Reply(ef.read(number))


def update_record(card: Card, channel: Channel, command: Command) -> Reply:
    """UPDATE RECORD (11.1.6): in a cyclic file PREVIOUS alone, which takes the oldest record."""
    ef = _recorded(channel, command)
    card.require(ef, Operation.UPDATE)
    if ef.structure is Structure.CYCLIC:
        if command.p2 & 0x07 != PREVIOUS or command.p1:
            raise Refused(Sw.BAD_P1P2)
        _whole(ef, command)
        ef.push(command.data)
        channel.record = 1
        return Reply()
    number, moves = _record(channel, ef, command)
    _whole(ef, command)
    ef.write(number, command.data)
    if moves:
        channel.record = number
    return Reply()


def _whole(ef: Ef, command: Command) -> None:
    if len(command.data) != ef.record:
        raise Refused(Sw.WRONG_LENGTH)


def _record(channel: Channel, ef: Ef, command: Command) -> tuple[int, bool]:
    """The record meant, and whether the pointer goes there (11.1.5.1)."""
    mode, last = command.p2 & 0x07, ef.records
    if mode == ABSOLUTE:
        number = command.p1 or channel.record
        if not 1 <= number <= last:
            raise Refused(Sw.RECORD_NOT_FOUND)
        return number, False
    if mode not in (NEXT, PREVIOUS):
        raise Refused(Sw.BAD_P1P2)
    step = 1 if mode == NEXT else -1
    if not channel.record:
        return (1 if mode == NEXT else last), True
    number = channel.record + step
    if ef.structure is Structure.CYCLIC:
        number = (number - 1) % last + 1
    if not 1 <= number <= last:
        raise Refused(Sw.RECORD_NOT_FOUND)
    return number, True


def search_record(card: Card, channel: Channel, command: Command) -> Reply:
    """SEARCH RECORD (11.1.7): the numbers of the records that fit, the pointer on the first of them."""
    ef = _recorded(channel, command)
    card.require(ef, Operation.READ)
    mode, wanted = command.p2 & 0x07, command.data
    direction, offset, marker = mode, 0, None
    if mode == ENHANCED:
        if len(wanted) < 3:
            raise Refused(Sw.WRONG_LENGTH)
        direction, by_value = wanted[0] & 0x07, bool(wanted[0] & BY_VALUE)
        offset, marker = (0, wanted[1]) if by_value else (wanted[1], None)
        wanted = wanted[2:]
    elif mode not in (FORWARD, BACKWARD):
        raise Refused(Sw.BAD_P1P2)
    if not wanted:
        raise Refused(Sw.WRONG_LENGTH)
    found = [number for number in _order(channel, ef, command.p1, direction)
             if _fits(ef.read(number), wanted, offset, marker)]
    if not found:
        raise Refused(Sw.NOT_FOUND_IN_RECORDS)
    channel.record = found[0]
    return Reply(bytes(found))


def _order(channel: Channel, ef: Ef, start: int, direction: int) -> list[int]:
    """The records to look at, in this order (tables 11.13, 11.14)."""
    last = ef.records
    if direction in (FORWARD, BACKWARD):
        start = start or channel.record
        if not 1 <= start <= last:
            raise Refused(Sw.RECORD_NOT_FOUND)
        return list(range(start, last + 1)) if direction == FORWARD else list(range(start, 0, -1))
    if direction == NEXT_FORWARD:
        return list(range(channel.record + 1, last + 1))
    if direction == PREVIOUS_BACKWARD:
        return list(range((channel.record or last + 1) - 1, 0, -1))
    raise Refused(Sw.BAD_DATA)


def _fits(record: bytes, wanted: bytes, offset: int, marker: int | None) -> bool:
    """Whether the string stands in a record: from ``offset`` on, or behind the first ``marker``."""
    if marker is not None:
        place = record.find(bytes([marker]))
        return place >= 0 and wanted in record[place + 1:]
    return wanted in record[offset:]


def increase(card: Card, channel: Channel, command: Command) -> Reply:
    """INCREASE (11.1.8): the value of the last record plus that given goes into the oldest record."""
    if command.p2 or (command.p1 and command.p1 & 0xE0 != SHORT):
        raise Refused(Sw.BAD_P1P2)
    ef = _named(channel, command.p1 & 0x1F) if command.p1 else _current(channel)
    if ef.structure is not Structure.CYCLIC:
        raise Refused(Sw.STRUCTURE)
    card.require(ef, Operation.INCREASE)
    if not 1 <= len(command.data) <= min(ef.record, MAX_INCREASE):
        raise Refused(Sw.WRONG_LENGTH)
    value = int.from_bytes(ef.read(1), "big") + int.from_bytes(command.data, "big")
    if value >= 1 << 8 * ef.record:
        raise Refused(Sw.MAXIMUM)
    new = value.to_bytes(ef.record, "big")
    ef.push(new)
    channel.record = 1
    return Reply(new + command.data)
