"""The way of a command to what answers it: class, channel, instruction, T=0 (7.3.1.1, 10.1, table 10.5).

One command goes in, data and status word come out; the card never acts by itself, and knows no time.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from types import MappingProxyType

from cellbench.virtual.uicc import guarding, reading, selecting, toolkit
from cellbench.virtual.uicc.apdu import ETSI, INTERINDUSTRY, Command, Refused, Reply, Sw, exact, more, parsed
from cellbench.virtual.uicc.card import Card, Channel

GET_RESPONSE = 0xC0


class Case(enum.Enum):
    """Which way data goes (10.1.5, 10.1.6): none or to the terminal, to the card, or both."""

    OUT = "out"
    IN = "in"
    BOTH = "both"


Handler = Callable[[Card, Channel, Command], Reply]
TABLE: Mapping[tuple[int, int], tuple[Case, Handler]] = MappingProxyType({
    (INTERINDUSTRY, 0x04): (Case.IN, guarding.deactivate_file),
    (INTERINDUSTRY, 0x20): (Case.IN, guarding.verify),
    (INTERINDUSTRY, 0x24): (Case.IN, guarding.change),
    (INTERINDUSTRY, 0x26): (Case.IN, guarding.disable),
    (INTERINDUSTRY, 0x28): (Case.IN, guarding.enable),
    (INTERINDUSTRY, 0x2C): (Case.IN, guarding.unblock),
    (INTERINDUSTRY, 0x44): (Case.IN, guarding.activate_file),
    (INTERINDUSTRY, 0x70): (Case.OUT, selecting.manage_channel),
    (INTERINDUSTRY, 0x84): (Case.OUT, guarding.get_challenge),
    (INTERINDUSTRY, 0x88): (Case.BOTH, guarding.authenticate),
    (INTERINDUSTRY, 0xA2): (Case.BOTH, reading.search_record),
    (INTERINDUSTRY, 0xA4): (Case.BOTH, selecting.select),
    (INTERINDUSTRY, 0xB0): (Case.OUT, reading.read_binary),
    (INTERINDUSTRY, 0xB2): (Case.OUT, reading.read_record),
    (INTERINDUSTRY, 0xD6): (Case.IN, reading.update_binary),
    (INTERINDUSTRY, 0xDC): (Case.IN, reading.update_record),
    (ETSI, 0x10): (Case.IN, toolkit.terminal_profile),
    (ETSI, 0x12): (Case.OUT, toolkit.fetch),
    (ETSI, 0x14): (Case.IN, toolkit.terminal_response),
    (ETSI, 0x32): (Case.BOTH, reading.increase),
    (ETSI, 0xAA): (Case.IN, toolkit.terminal_capability),
    (ETSI, 0xC2): (Case.BOTH, toolkit.envelope),
    (ETSI, 0xF2): (Case.OUT, selecting.status),
})


def transmit(card: Card, raw: bytes) -> bytes:
    """One command of T=0 and what the card sends back."""
    try:
        reply = _answer(card, parsed(raw))
    except Refused as refusal:
        reply = Reply(sw=refusal.sw)
    sw = reply.sw
    if sw == Sw.OK and card.toolkit.profile and card.toolkit.waiting:
        sw = 0x9100 + (len(card.toolkit.waiting[0]) & 0xFF)  # 10.2.1.1
    return reply.data + sw.to_bytes(2, "big")


def run(card: Card, channel: Channel, command: Command) -> Reply:
    """A command on a given channel, all data at once, as T=0 does not have it. Raises Refused."""
    case, handler = _handler(command)
    if len(command.data) != (0 if case is Case.OUT else command.p3):
        raise Refused(Sw.WRONG_LENGTH)
    return handler(card, channel, command)


def _answer(card: Card, command: Command) -> Reply:
    if not command.known_class:
        raise Refused(Sw.CLASS)
    if command.secured:
        raise Refused(Sw.NO_SECURE_MESSAGING)
    channel = card.channels.get(command.channel)
    if channel is None:
        raise Refused(Sw.NO_CHANNEL)
    if (command.base, command.ins) == (INTERINDUSTRY, GET_RESPONSE):
        return _get_response(card, command)
    card.pending = b""
    case, _ = _handler(command)
    reply = run(card, channel, command)
    if case is not Case.BOTH or not reply.data:
        return reply
    card.pending = reply.data
    return Reply(sw=more(len(reply.data)) if reply.sw == Sw.OK else reply.sw)


def _get_response(card: Card, command: Command) -> Reply:
    """GET RESPONSE: data of the command just before (7.3.1.1.4)."""
    if command.p1 or command.p2:
        raise Refused(Sw.BAD_P1P2)
    waiting = card.pending
    if not waiting:
        raise Refused(Sw.CONDITIONS)
    if command.expected > len(waiting):
        raise Refused(exact(len(waiting)))
    card.pending = waiting[command.expected:]
    return Reply(waiting[:command.expected], more(len(card.pending)) if card.pending else Sw.OK)


def _handler(command: Command) -> tuple[Case, Handler]:
    """What answers a command; Refused 6E00 for the other class, 6D00 for an unknown instruction."""
    found = TABLE.get((command.base, command.ins))
    if found is None:
        other = (command.base ^ ETSI, command.ins)
        raise Refused(Sw.CLASS if other in TABLE or other == (INTERINDUSTRY, GET_RESPONSE)
                      else Sw.INSTRUCTION)
    return found
