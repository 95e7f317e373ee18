"""Where a port's dialogue stands, and all that moves it: LENA-R8 guide 4.3, Figure 5, as the DTE sees it.

The DTE knows more than the module's modes: whether its command is out, echoed, or waits for its payload; and
less: between its escape sequence and the module's answer the bytes are still data.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType


class State(enum.IntEnum):
    """Where the dialogue stands."""

    IDLE = 0  # command mode
    SENT = 1  # the command is out, its echo has not come (and never comes with echo off)
    ANSWERING = 2  # the echo or part of the answer has come
    PROMPTED = 3  # the module waits for the payload
    PAYLOAD_SENT = 4
    DATA = 5  # after CONNECT
    LEAVING = 6  # the escape is out, or DTR has dropped; bytes are data up to the module's answer
    ONLINE = 7  # online command mode: commands as in IDLE, and a call that ATO resumes and ATH ends


class Signal(enum.IntEnum):
    """What moves the dialogue; the words are those of the documentation."""

    BEGIN = 0
    ECHO = 1
    TEXT = 2
    PROMPT = 3
    PAYLOAD = 4
    FINAL = 5  # of any command while no call is held, or of what ended the call: ATH, ATO that fails
    CONNECT = 6
    GIVE_UP = 7  # our deadline passed: the answer may still come, late
    LEAVE_DATA = 8  # the escape sequence goes out, or DTR drops
    RESET = 9  # port lost or module booted
    HELD = 10  # FINAL or GIVE_UP, and a call is held
    CARRIER_LOST = 11  # NO CARRIER unasked


_S, _G = State, Signal
_ALWAYS = {_G.RESET: _S.IDLE}
_ENDS = {_G.FINAL: _S.IDLE, _G.HELD: _S.ONLINE, _G.GIVE_UP: _S.IDLE, **_ALWAYS}

TRANSITIONS: Mapping[State, Mapping[Signal, State]] = MappingProxyType({
    _S.IDLE: {_G.BEGIN: _S.SENT, _G.GIVE_UP: _S.IDLE, **_ALWAYS},
    _S.SENT: {_G.ECHO: _S.ANSWERING, _G.TEXT: _S.SENT, _G.PROMPT: _S.PROMPTED, _G.CONNECT: _S.DATA, **_ENDS},
    _S.ANSWERING: {_G.TEXT: _S.ANSWERING, _G.PROMPT: _S.PROMPTED, _G.CONNECT: _S.DATA, **_ENDS},
    _S.PROMPTED: {_G.PAYLOAD: _S.PAYLOAD_SENT, _G.TEXT: _S.PROMPTED, **_ENDS},
    _S.PAYLOAD_SENT: {_G.TEXT: _S.PAYLOAD_SENT, _G.PROMPT: _S.PROMPTED, _G.CONNECT: _S.DATA, **_ENDS},
    _S.DATA: {_G.LEAVE_DATA: _S.LEAVING, _G.GIVE_UP: _S.IDLE, **_ALWAYS},
    _S.LEAVING: {_G.TEXT: _S.LEAVING, **_ENDS},
    _S.ONLINE: {_G.BEGIN: _S.SENT, _G.GIVE_UP: _S.ONLINE, _G.CARRIER_LOST: _S.IDLE, **_ALWAYS},
})

HOLDS_CALL = frozenset({"D", "O", "+CGDATA"})
"""Commands whose CONNECT is a call, which the escape leaves held; a direct link (+UFTPC, +USODL) ends with
the escape."""

HANGS_UP = frozenset({"H", "+CHUP", "Z"})
"""Commands that end the call held when they succeed (V.250 6.3.6, 6.1.1; 27.007 6.5). With +CVHU=1 the module
answers ATH and keeps the call: the DTE learns that from ATO."""
