"""The states of a data link connection and what moves it (3GPP TS 27.010 5.4.1, 5.4.2), as a table."""

from __future__ import annotations

import enum
from collections.abc import Mapping


class DlcState(enum.Enum):
    """Modes of a DLC, and the two waits for an answer between them."""

    DISCONNECTED = "disconnected mode"
    SABM_SENT = "SABM sent"  # T1 runs
    CONNECTED = "connected mode"
    DISC_SENT = "DISC sent"  # T1 runs


class DlcInput(enum.Enum):
    """What can happen to a DLC."""

    ESTABLISH = "our user sets it up"
    RELEASE = "our user releases it"
    SABM = "SABM"
    DISC = "DISC"
    UA = "UA"
    DM = "DM"
    T1 = "T1 is over"
    N2 = "T1 is over for the last time"


class DlcAction(enum.Enum):
    """What is done then."""

    SEND_SABM = "send SABM, start T1"
    SEND_DISC = "send DISC, start T1"
    SEND_UA = "send UA"
    SEND_DM = "send DM"
    TELL_OPENED = "tell: connected"
    TELL_REFUSED = "tell: the far side refuses (DM)"
    TELL_CLOSED = "tell: disconnected"
    TELL_SILENT = "tell: no answer"


_S, _I, _A = DlcState, DlcInput, DlcAction
Row = tuple[DlcState, tuple[DlcAction, ...]]

TRANSITIONS: Mapping[tuple[DlcState, DlcInput], Row] = {
    # 5.4.1: the initiator of a DLC sends SABM; UA connects, DM refuses, T1 repeats up to N2 times
    (_S.DISCONNECTED, _I.ESTABLISH): (_S.SABM_SENT, (_A.SEND_SABM,)),
    (_S.SABM_SENT, _I.UA): (_S.CONNECTED, (_A.TELL_OPENED,)),
    (_S.SABM_SENT, _I.DM): (_S.DISCONNECTED, (_A.TELL_REFUSED,)),
    (_S.SABM_SENT, _I.T1): (_S.SABM_SENT, (_A.SEND_SABM,)),
    (_S.SABM_SENT, _I.N2): (_S.DISCONNECTED, (_A.TELL_SILENT,)),
    (_S.SABM_SENT, _I.RELEASE): (_S.DISC_SENT, (_A.SEND_DISC,)),
    # both sides at once: each answers the other's, the UA then connects
    (_S.SABM_SENT, _I.SABM): (_S.SABM_SENT, (_A.SEND_UA,)),
    (_S.SABM_SENT, _I.DISC): (_S.DISCONNECTED, (_A.SEND_DM, _A.TELL_REFUSED)),
    (_S.DISCONNECTED, _I.SABM): (_S.CONNECTED, (_A.SEND_UA, _A.TELL_OPENED)),
    (_S.DISCONNECTED, _I.DISC): (_S.DISCONNECTED, (_A.SEND_DM,)),
    # a SABM in connected mode begins the DLC anew: our UA was lost, or the far side restarted
    (_S.CONNECTED, _I.SABM): (_S.CONNECTED, (_A.SEND_UA,)),
    # 5.4.2: DISC releases, UA or DM confirms
    (_S.CONNECTED, _I.RELEASE): (_S.DISC_SENT, (_A.SEND_DISC,)),
    (_S.CONNECTED, _I.DISC): (_S.DISCONNECTED, (_A.SEND_UA, _A.TELL_CLOSED)),
    (_S.CONNECTED, _I.DM): (_S.DISCONNECTED, (_A.TELL_CLOSED,)),
    (_S.DISC_SENT, _I.UA): (_S.DISCONNECTED, (_A.TELL_CLOSED,)),
    (_S.DISC_SENT, _I.DM): (_S.DISCONNECTED, (_A.TELL_CLOSED,)),
    (_S.DISC_SENT, _I.DISC): (_S.DISCONNECTED, (_A.SEND_UA, _A.TELL_CLOSED)),
    (_S.DISC_SENT, _I.SABM): (_S.DISC_SENT, (_A.SEND_DM,)),
    (_S.DISC_SENT, _I.T1): (_S.DISC_SENT, (_A.SEND_DISC,)),
    (_S.DISC_SENT, _I.N2): (_S.DISCONNECTED, (_A.TELL_SILENT, _A.TELL_CLOSED)),
}
"""What is not named changes nothing (a late UA, a DM in disconnected mode)."""
