"""Commands on PINs, keys and life cycles: VERIFY to UNBLOCK PIN, AUTHENTICATE, GET CHALLENGE, ACTIVATE."""

from __future__ import annotations

from cellbench.virtual.uicc.access import Operation
from cellbench.virtual.uicc.apdu import Command, Refused, Reply, Sw, tries
from cellbench.virtual.uicc.card import Card, Channel
from cellbench.virtual.uicc.files import Ef
from cellbench.virtual.uicc.pins import PIN1, SIZE, Pin

LOCAL = 0x80
GSM, THIRD = 0x80, 0x81
UST = 0x6F38
GSM_ACCESS, GSM_SECURITY = 27, 38  # services of EF_UST (TS 31.102 4.2.8)
RAND = AUTN = 16


def _pin(card: Card, channel: Channel, command: Command) -> Pin:
    """The PIN of P2; one with a local key reference belongs to an application (9.5.1, table 11.12)."""
    if command.p1:
        raise Refused(Sw.WRONG_P1P2)
    if command.p2 & LOCAL and channel.application is None:
        raise Refused(Sw.DATA_NOT_FOUND)
    return card.pins.get(command.p2)


def verify(card: Card, channel: Channel, command: Command) -> Reply:
    """VERIFY PIN; without data it tells the tries left (11.1.9)."""
    pin = _pin(card, channel, command)
    if not command.data:
        raise Refused(tries(pin.left) if pin.left else Sw.BLOCKED)
    pin.verify(_codes(command, 1)[0])
    return Reply()


def change(card: Card, channel: Channel, command: Command) -> Reply:
    """CHANGE PIN (11.1.10)."""
    old, new = _codes(command, 2)
    _pin(card, channel, command).change(old, new)
    return Reply()


def disable(card: Card, channel: Channel, command: Command) -> Reply:
    """DISABLE PIN (11.1.11), without a replacement by another PIN."""
    _pin(card, channel, command).disable(_codes(command, 1)[0])
    return Reply()


def enable(card: Card, channel: Channel, command: Command) -> Reply:
    """ENABLE PIN (11.1.12)."""
    _pin(card, channel, command).enable(_codes(command, 1)[0])
    return Reply()


def unblock(card: Card, channel: Channel, command: Command) -> Reply:
    """UNBLOCK PIN; without data it tells the tries left (11.1.13)."""
    pin = _pin(card, channel, command)
    if not command.data:
        if not pin.unblocking:
            raise Refused(Sw.DATA_NOT_FOUND)
        raise Refused(tries(pin.unblocking_left) if pin.unblocking_left else Sw.BLOCKED)
    key, new = _codes(command, 2)
    pin.unblock(key, new)
    return Reply()


def _codes(command: Command, count: int) -> list[bytes]:
    """PIN values of eight bytes each."""
    if len(command.data) != count * SIZE:
        raise Refused(Sw.WRONG_LENGTH)
    return [command.data[place:place + SIZE] for place in range(0, count * SIZE, SIZE)]


def authenticate(card: Card, channel: Channel, command: Command) -> Reply:
    """AUTHENTICATE in the context of the current application (11.1.16; TS 31.102 7.1.2)."""
    if command.p1 or not command.p2 & LOCAL:
        raise Refused(Sw.BAD_P1P2)
    if command.p2 not in (GSM, THIRD):
        raise Refused(Sw.NO_CONTEXT)
    if card.aka is None or channel.application is None:
        raise Refused(Sw.CONDITIONS)
    if not card.pins.satisfied(PIN1):
        raise Refused(Sw.SECURITY)
    data = command.data
    if command.p2 == GSM:
        if not _service(channel, GSM_SECURITY):
            raise Refused(Sw.NO_CONTEXT)
        if len(data) != 1 + RAND or data[0] != RAND:
            raise Refused(Sw.WRONG_LENGTH)
        return Reply(card.aka.second_generation(data[1:]))
    if len(data) != 2 + RAND + AUTN or data[0] != RAND or data[1 + RAND] != AUTN:
        raise Refused(Sw.WRONG_LENGTH)
    return Reply(card.aka.third_generation(data[1:1 + RAND], data[2 + RAND:],
                                           with_kc=_service(channel, GSM_ACCESS)))


def _service(channel: Channel, number: int) -> bool:
    """Whether a service is available by EF_UST of the current application (TS 31.102 4.2.8)."""
    table = channel.application.child(UST) if channel.application is not None else None
    place, bit = divmod(number - 1, 8)
    return isinstance(table, Ef) and len(table.content) > place and bool(table.content[place] >> bit & 1)


def get_challenge(card: Card, channel: Channel, command: Command) -> Reply:
    """GET CHALLENGE (11.1.18)."""
    del channel
    if command.p1 or command.p2:
        raise Refused(Sw.BAD_P1P2)
    return Reply(card.entropy(command.expected))


def deactivate_file(card: Card, channel: Channel, command: Command) -> Reply:
    """DEACTIVATE FILE (11.1.14)."""
    ef = _file(channel, command)
    card.require(ef, Operation.DEACTIVATE)
    ef.active = False
    return Reply()


def activate_file(card: Card, channel: Channel, command: Command) -> Reply:
    """ACTIVATE FILE (11.1.15)."""
    ef = _file(channel, command)
    card.require(ef, Operation.ACTIVATE)
    ef.active = True
    return Reply()


def _file(channel: Channel, command: Command) -> Ef:
    """The current EF, or the one named below the current directory (11.1.14.2, P1 = 00)."""
    if command.p1 or command.p2:
        raise Refused(Sw.BAD_P1P2)
    if not command.data:
        if channel.ef is None:
            raise Refused(Sw.NO_EF)
        return channel.ef
    if len(command.data) != 2:
        raise Refused(Sw.WRONG_LENGTH)
    found = channel.df.child(int.from_bytes(command.data, "big"))
    if not isinstance(found, Ef):
        raise Refused(Sw.FILE_NOT_FOUND)
    channel.enter(found)
    return found
