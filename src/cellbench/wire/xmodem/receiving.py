"""The states of the receiver and what moves it, as a table."""

from __future__ import annotations

import enum
from collections.abc import Mapping


class ReceiverState(enum.Enum):
    """Where the receiver stands."""

    READY = "not started"
    STARTING = "sends start characters"
    WAITING = "waits for the next block"
    IN_BLOCK = "inside a block"
    JUDGING = "heard EOT or CAN, waits whether more follows"
    PURGING = "waits for the line to clear"
    FINISHED = "finished"
    FAILED = "failed"


class ReceiverInput(enum.Enum):
    """What can happen to the receiver."""

    START = "our user starts"
    HEAD = "SOH or STX"
    ENDING = "EOT or CAN"
    OTHER = "anything else"
    GOOD = "the block is the next one"
    AGAIN = "the block is the last one again"
    STRANGE = "the block has another number"
    BAD = "the block is damaged"
    CLEAR = "nothing comes any more"
    STOPPED = "the block does not go on"
    TIMEOUT = "no block comes"
    WINDOWS_OVER = "no block comes, all start characters are sent"
    SILENT_TOO_OFTEN = "no block comes, all tries used"
    DAMAGED_TOO_OFTEN = "damaged, all tries used"
    IS_EOT = "EOT stood alone"
    IS_CANCEL = "CAN CAN stood alone"
    CANCEL = "our user cancels"


class ReceiverAction(enum.Enum):
    """What is done then."""

    ASK = "send the start character, or NAK when a block has come"
    ASK_NEXT = "send the next start character"
    ACK = "send ACK"
    TAKE = "tell: a block"
    SEND_CANCEL = "send CAN eight times"
    TELL_FINISHED = "tell: finished"
    TELL_FAILED = "tell: failed"


_S, _I, _A = ReceiverState, ReceiverInput, ReceiverAction
Row = tuple[ReceiverState, tuple[ReceiverAction, ...]]

_CANCELLED: Row = (_S.FAILED, (_A.SEND_CANCEL, _A.TELL_FAILED))
_LISTENING: Mapping[ReceiverInput, Row] = {
    _I.HEAD: (_S.IN_BLOCK, ()),
    _I.ENDING: (_S.JUDGING, ()),
    _I.OTHER: (_S.PURGING, ()),
    _I.CANCEL: _CANCELLED,
}
_GARBLED: Mapping[ReceiverInput, Row] = {
    _I.DAMAGED_TOO_OFTEN: _CANCELLED,
    _I.CANCEL: _CANCELLED,
}

TRANSITIONS: Mapping[ReceiverState, Mapping[ReceiverInput, Row]] = {
    _S.READY: {_I.START: (_S.STARTING, (_A.ASK_NEXT,))},
    # 7.3.2, 8.2.2: the start character is repeated, C first where CRC is wanted
    _S.STARTING: {**_LISTENING, _I.TIMEOUT: (_S.STARTING, (_A.ASK_NEXT,)), _I.WINDOWS_OVER: _CANCELLED},
    _S.WAITING: {**_LISTENING, _I.TIMEOUT: (_S.WAITING, (_A.ASK,)), _I.SILENT_TOO_OFTEN: _CANCELLED},
    _S.IN_BLOCK: {
        **_GARBLED,
        _I.GOOD: (_S.WAITING, (_A.TAKE, _A.ACK)),
        _I.AGAIN: (_S.WAITING, (_A.ACK,)),  # our ACK was lost
        _I.STRANGE: _CANCELLED,
        _I.BAD: (_S.PURGING, ()),
        _I.STOPPED: (_S.WAITING, (_A.ASK,)),  # the line has cleared meanwhile
    },
    # 4.1: both characters are what a damaged SOH may be; then the rest of the block follows
    _S.JUDGING: {
        **_GARBLED,
        _I.OTHER: (_S.PURGING, ()),
        _I.IS_EOT: (_S.FINISHED, (_A.ACK, _A.TELL_FINISHED)),
        _I.IS_CANCEL: (_S.FAILED, (_A.TELL_FAILED,)),
        _I.CLEAR: (_S.WAITING, (_A.ASK,)),
    },
    # 7.4: NAK goes out when the line is clear
    _S.PURGING: {**_GARBLED, _I.CLEAR: (_S.WAITING, (_A.ASK,))},
    # our last ACK was lost
    _S.FINISHED: {_I.ENDING: (_S.FINISHED, (_A.ACK,))},
}
"""What is not named changes nothing. While no block has come, WAITING is STARTING."""
