"""The card application toolkit, as far as a host can see it: TERMINAL PROFILE, ENVELOPE, FETCH, TERMINAL
RESPONSE, TERMINAL CAPABILITY (11.1.19, 11.2; TS 102 223)."""

from __future__ import annotations

from cellbench.virtual.uicc.apdu import Command, Refused, Reply, Sw, exact
from cellbench.virtual.uicc.card import Card, Channel
from cellbench.virtual.uicc.fcp import tlv

PROACTIVE, DETAILS, DEVICES = 0xD0, 0x81, 0x82
CARD, TERMINAL = 0x81, 0x82
REFRESH = 0x01
NAA_INITIALISATION, UICC_RESET = 0x00, 0x04  # qualifiers of REFRESH (TS 102 223 8.6)
CAPABILITY = 0xA9
EVENT_DOWNLOAD = 0xD6
TERMINAL_TO_CARD = bytes([DEVICES, 2, TERMINAL, CARD])
ENVELOPES = frozenset({0xD1, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD9})
"""BER tags of envelopes: SMS-PP, cell broadcast, menu, call control, MO SMS, event, timer (TS 101 220)."""


def refresh(qualifier: int) -> bytes:
    """The proactive command REFRESH (TS 102 223 6.4.7, 6.6.13); qualifier 0: initialisation and full file
    change notification, 4: UICC reset."""
    details = tlv(DETAILS, bytes([1, REFRESH, qualifier]))
    return tlv(PROACTIVE, details + tlv(DEVICES, bytes([CARD, TERMINAL])))


def terminal_profile(card: Card, channel: Channel, command: Command) -> Reply:
    """TERMINAL PROFILE (11.2.1): from here on proactive commands may be told."""
    del channel
    _plain(command)
    if not command.data:
        raise Refused(Sw.WRONG_LENGTH)
    card.toolkit.profile = command.data
    return Reply()


def envelope(card: Card, channel: Channel, command: Command) -> Reply:
    """ENVELOPE (11.2.2): for the card's applet, where there is one."""
    del channel
    _plain(command)
    data = command.data
    if len(data) < 2 or data[0] not in ENVELOPES or data[1] != len(data) - 2:
        raise Refused(Sw.BAD_DATA)
    if card.applet is not None:
        card.applet(data)
    return Reply()


def fetch(card: Card, channel: Channel, command: Command) -> Reply:
    """FETCH (11.2.3): the proactive command that waits."""
    del channel
    _plain(command)
    if not card.toolkit.waiting:
        raise Refused(Sw.CONDITIONS)
    first = card.toolkit.waiting[0]
    if command.expected != len(first):
        raise Refused(exact(len(first)))
    return Reply(card.toolkit.waiting.pop(0))


def terminal_response(card: Card, channel: Channel, command: Command) -> Reply:
    """TERMINAL RESPONSE (11.2.4)."""
    del channel
    _plain(command)
    if not command.data or command.data[0] & 0x7F != DETAILS & 0x7F:
        raise Refused(Sw.BAD_DATA)
    card.toolkit.responses.append(command.data)
    return Reply()


def terminal_capability(card: Card, channel: Channel, command: Command) -> Reply:
    """TERMINAL CAPABILITY (11.1.19): one template with tag A9."""
    del card, channel
    _plain(command)
    data = command.data
    if len(data) < 2 or data[0] != CAPABILITY or data[1] != len(data) - 2:
        raise Refused(Sw.BAD_DATA)
    return Reply()


def _plain(command: Command) -> None:
    if command.p1 or command.p2:
        raise Refused(Sw.BAD_P1P2)
