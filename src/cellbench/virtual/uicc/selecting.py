"""SELECT, STATUS, MANAGE CHANNEL (11.1.1, 11.1.2, 11.1.17)."""

from __future__ import annotations

from cellbench.virtual.uicc.apdu import Command, Refused, Reply, Sw, exact
from cellbench.virtual.uicc.card import Card, Channel, exactly
from cellbench.virtual.uicc.fcp import tlv
from cellbench.virtual.uicc.files import CURRENT_APPLICATION, MASTER, Df, Ef, applications

BY_ID, CHILD, PARENT, BY_NAME, FROM_MASTER, FROM_CURRENT = 0x00, 0x01, 0x03, 0x04, 0x08, 0x09  # table 11.1
FCP, NOTHING = 0x04, 0x0C  # table 11.2
SESSION, TERMINATION = 0x60, 0x40
FIRST, LAST, NEXT, PREVIOUS = range(4)
OPEN, CLOSE = 0x00, 0x80  # table 11.19


def select(card: Card, channel: Channel, command: Command) -> Reply:
    """SELECT (11.1.1)."""
    wanted = _what_returns(card, command)
    if command.p1 == BY_NAME:
        application = _by_name(card, channel, command)
        if command.p2 & SESSION == TERMINATION:
            return _terminate(card, channel, application)
        channel.application = application
        file: Df | Ef = application
    else:
        file = _by_place(card, channel, command)
    channel.enter(file)
    data = card.template(file) if wanted == FCP else b""
    return Reply(data, Sw.OK if isinstance(file, Df) or file.active else Sw.INVALIDATED)


def _what_returns(card: Card, command: Command) -> int:
    """The bits b5 to b3 of P2; Refused 6A86 for values that table 11.2 does not have."""
    if command.p2 == 0 and card.iso_select:
        return FCP
    wanted = command.p2 & 0x1C
    rest = command.p2 & ~0x1C
    permitted = SESSION | 0x03 if command.p1 == BY_NAME else 0
    if wanted not in (FCP, NOTHING) or rest & ~permitted or rest & SESSION not in (0, TERMINATION):
        raise Refused(Sw.BAD_P1P2)
    return wanted


def _by_place(card: Card, channel: Channel, command: Command) -> Df | Ef:
    data = command.data
    if command.p1 == PARENT:
        if data:
            raise Refused(Sw.WRONG_LENGTH)
        if channel.df.parent is None:
            raise Refused(Sw.FILE_NOT_FOUND)
        return channel.df.parent
    if command.p1 in (FROM_MASTER, FROM_CURRENT):
        return _by_path(card, channel, command)
    if command.p1 not in (BY_ID, CHILD):
        raise Refused(Sw.BAD_P1P2)
    if not data and command.p1 == BY_ID:
        return card.master  # 11.1.1.2
    if len(data) != 2:
        raise Refused(Sw.WRONG_LENGTH)
    fid = int.from_bytes(data, "big")
    found = channel.df.child(fid) if command.p1 == CHILD else _by_id(card, channel, fid)
    if found is None or (command.p1 == CHILD and not isinstance(found, Df)):
        raise Refused(Sw.FILE_NOT_FOUND)
    return found


def _by_id(card: Card, channel: Channel, fid: int) -> Df | Ef | None:
    """Where a file identifier is looked for, in this order (8.4.1, 11.1.1.2)."""
    if fid == MASTER:
        return card.master
    if fid == CURRENT_APPLICATION:
        return channel.application
    current = channel.df
    found = current.child(fid)
    if found is not None:
        return found
    if current.fid == fid and not current.aid:
        return current
    parent = current.parent
    if parent is None:
        return None
    return parent if parent.fid == fid and not parent.aid else parent.child(fid)


def _by_path(card: Card, channel: Channel, command: Command) -> Df | Ef:
    """Selection by path (8.4.2): the MF's own identifier is never in it, 7FFF may begin one from the MF."""
    data = command.data
    if not data or len(data) % 2:
        raise Refused(Sw.WRONG_LENGTH)
    fids = [int.from_bytes(data[place:place + 2], "big") for place in range(0, len(data), 2)]
    found: Df | Ef | None = card.master if command.p1 == FROM_MASTER else channel.df
    for place, fid in enumerate(fids):
        if not isinstance(found, Df):
            raise Refused(Sw.FILE_NOT_FOUND)
        if fid == CURRENT_APPLICATION and place == 0 and command.p1 == FROM_MASTER:
            found = channel.application
        else:
            found = found.child(fid)
    if found is None:
        raise Refused(Sw.FILE_NOT_FOUND)
    return found


def _by_name(card: Card, channel: Channel, command: Command) -> Df:
    """Selection by application identifier, which may be cut short at its right end (8.4.3, 11.1.1.2)."""
    if not 1 <= len(command.data) <= 16:
        raise Refused(Sw.WRONG_LENGTH)
    fitting = [one for one in applications(card.master) if one.aid.startswith(command.data)]
    if not fitting:
        raise Refused(Sw.FILE_NOT_FOUND)
    which = command.p2 & 0x03
    if which in (FIRST, LAST):
        return fitting[-1 if which == LAST else 0]
    place = fitting.index(channel.application) if channel.application in fitting else None
    if which == NEXT:
        place = 0 if place is None else place + 1
    else:
        place = len(fitting) - 1 if place is None else place - 1
    if not 0 <= place < len(fitting):
        raise Refused(Sw.FILE_NOT_FOUND)
    return fitting[place]


def _terminate(card: Card, channel: Channel, application: Df) -> Reply:
    """The application session on this channel ends (8.8.3)."""
    if channel.application is not application:
        raise Refused(Sw.FILE_NOT_FOUND)
    channel.application = None
    channel.enter(card.master)
    return Reply()


def status(card: Card, channel: Channel, command: Command) -> Reply:
    """STATUS (11.1.2, tables 11.8 and 11.9)."""
    if command.p1 not in (0x00, 0x01, 0x02):
        raise Refused(Sw.BAD_P1P2)
    if command.p2 == 0x0C:
        return exactly(command, b"")
    if command.p2 == 0x00:
        return exactly(command, card.template(channel.df))
    if command.p2 != 0x01:
        raise Refused(Sw.BAD_P1P2)
    if channel.application is None:
        raise Refused(Sw.CONDITIONS)
    return exactly(command, tlv(0x84, channel.application.aid))


def manage_channel(card: Card, channel: Channel, command: Command) -> Reply:
    """MANAGE CHANNEL (11.1.17, tables 11.19 and 11.20)."""
    if command.p1 == OPEN:
        return _open(card, channel, command)
    if command.p1 != CLOSE or not 1 <= command.p2 <= 19:
        raise Refused(Sw.BAD_P1P2)
    if command.p2 not in card.channels:
        raise Refused(Sw.NO_CHANNEL)
    del card.channels[command.p2]
    return Reply()


def _open(card: Card, channel: Channel, command: Command) -> Reply:
    """The first free number; the MF is current on it, or the directory of the channel it was opened from
    when that was not the basic one (8.7)."""
    if command.p2:
        raise Refused(Sw.BAD_P1P2)
    if command.p3 != 1:
        raise Refused(exact(1))
    free = [number for number in range(1, card.limit + 1) if number not in card.channels]
    if not free:
        raise Refused(Sw.NO_FUNCTION)
    basic = channel.number <= 0
    card.channels[free[0]] = Channel(free[0], card.master if basic else channel.df,
                                     application=None if basic else channel.application)
    return Reply(bytes([free[0]]))
