"""The states of the sender and what moves it, as a table."""

from __future__ import annotations

import enum
from collections.abc import Mapping


class SenderState(enum.Enum):
    """Where the sender stands."""

    READY = "not started"
    WAITING = "waits for the start character"
    BLOCK_SENT = "waits for the reply to a block"
    SETTLING = "lets the replies to a repeated block pass"
    EOT_SENT = "waits for the reply to EOT"
    FINISHED = "finished"
    FAILED = "failed"


class SenderInput(enum.Enum):
    """What can happen to the sender."""

    START = "our user starts"
    CRC_WANTED = "C"
    NAK = "NAK"
    ACK = "ACK"
    LAST_ACK = "ACK of the last block"
    ACK_OF_REPEAT = "ACK of a block that was sent more than once"
    QUIET = "no more replies, blocks are left"
    QUIET_AT_END = "no more replies, no block is left"
    NOTHING_TO_SEND = "a start character, and there is no data"
    NO_REPLY = "the reply does not come, or is garbled"
    REFUSED_TOO_OFTEN = "NAK, all tries used"
    SILENT_TOO_OFTEN = "no reply, all tries used"
    NEVER_ASKED = "no start character in time"
    CAN_CAN = "CAN CAN"
    CANCEL = "our user cancels"


class SenderAction(enum.Enum):
    """What is done then."""

    USE_CRC = "guard blocks by CRC"
    USE_CHECKSUM = "guard blocks by checksum"
    SEND_BLOCK = "send the block"
    NEXT_BLOCK = "go on to the next block and send it"
    END_OF_BLOCK = "the block is acknowledged"
    SEND_EOT = "send EOT"
    SEND_CANCEL = "send CAN eight times"
    TELL_CONFIRMED = "tell: finished"
    TELL_UNCONFIRMED = "tell: finished, the ACK of EOT is missing"
    TELL_FAILED = "tell: failed"


_S, _I, _A = SenderState, SenderInput, SenderAction
Row = tuple[SenderState, tuple[SenderAction, ...]]

_CANCELLED: Row = (_S.FAILED, (_A.SEND_CANCEL, _A.TELL_FAILED))
_GIVEN_UP: Row = (_S.FAILED, (_A.TELL_FAILED,))

TRANSITIONS: Mapping[tuple[SenderState, SenderInput], Row] = {
    (_S.READY, _I.START): (_S.WAITING, ()),
    # 8.2.1: C asks for CRC, NAK for the checksum
    (_S.WAITING, _I.CRC_WANTED): (_S.BLOCK_SENT, (_A.USE_CRC, _A.SEND_BLOCK)),
    (_S.WAITING, _I.NAK): (_S.BLOCK_SENT, (_A.USE_CHECKSUM, _A.SEND_BLOCK)),
    (_S.WAITING, _I.NOTHING_TO_SEND): (_S.EOT_SENT, (_A.SEND_EOT,)),
    (_S.WAITING, _I.NEVER_ASKED): _GIVEN_UP,  # nobody is there to be told
    (_S.WAITING, _I.CAN_CAN): _GIVEN_UP,
    (_S.WAITING, _I.CANCEL): _CANCELLED,
    # 7.3.2, 7.3.3
    (_S.BLOCK_SENT, _I.ACK): (_S.BLOCK_SENT, (_A.END_OF_BLOCK, _A.NEXT_BLOCK)),
    (_S.BLOCK_SENT, _I.LAST_ACK): (_S.EOT_SENT, (_A.END_OF_BLOCK, _A.SEND_EOT)),
    (_S.BLOCK_SENT, _I.ACK_OF_REPEAT): (_S.SETTLING, (_A.END_OF_BLOCK,)),
    (_S.BLOCK_SENT, _I.NAK): (_S.BLOCK_SENT, (_A.SEND_BLOCK,)),
    # 8.2.3: up to the first ACK; later a C is no reply
    (_S.BLOCK_SENT, _I.CRC_WANTED): (_S.BLOCK_SENT, (_A.USE_CRC, _A.SEND_BLOCK)),
    (_S.BLOCK_SENT, _I.NO_REPLY): (_S.BLOCK_SENT, (_A.SEND_BLOCK,)),
    (_S.BLOCK_SENT, _I.REFUSED_TOO_OFTEN): _CANCELLED,
    (_S.BLOCK_SENT, _I.SILENT_TOO_OFTEN): _CANCELLED,
    (_S.BLOCK_SENT, _I.CAN_CAN): _GIVEN_UP,
    (_S.BLOCK_SENT, _I.CANCEL): _CANCELLED,
    # each copy of a block may have its ACK: one that is late would be taken for that of the next block
    (_S.SETTLING, _I.QUIET): (_S.BLOCK_SENT, (_A.NEXT_BLOCK,)),
    (_S.SETTLING, _I.QUIET_AT_END): (_S.EOT_SENT, (_A.SEND_EOT,)),
    (_S.SETTLING, _I.CAN_CAN): _GIVEN_UP,
    (_S.SETTLING, _I.CANCEL): _CANCELLED,
    # 7.3.3: EOT again until its ACK; a receiver that says nothing has gone, with every block acknowledged
    (_S.EOT_SENT, _I.ACK): (_S.FINISHED, (_A.TELL_CONFIRMED,)),
    (_S.EOT_SENT, _I.NAK): (_S.EOT_SENT, (_A.SEND_EOT,)),
    (_S.EOT_SENT, _I.NO_REPLY): (_S.EOT_SENT, (_A.SEND_EOT,)),
    (_S.EOT_SENT, _I.REFUSED_TOO_OFTEN): _CANCELLED,
    (_S.EOT_SENT, _I.SILENT_TOO_OFTEN): (_S.FINISHED, (_A.TELL_UNCONFIRMED,)),
    (_S.EOT_SENT, _I.CAN_CAN): _GIVEN_UP,
    (_S.EOT_SENT, _I.CANCEL): _CANCELLED,
}
"""What is not named changes nothing."""
