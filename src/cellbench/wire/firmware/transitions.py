"""The states of a module during an update and what moves it from one to the other, as a table."""

from __future__ import annotations

import enum
from collections.abc import Mapping


class UpdateState(enum.Enum):
    """Where the module is, as far as it told."""

    LISTENING = "nothing is known"  # after an interruption
    COMMANDED = "the command was sent"
    ACCEPTED = "the command is taken, the module restarts"
    WAITING = "update mode waits for the first block"
    RECEIVING = "the package is on its way"
    RECEIVED = "the package is complete"
    CHECKING = "the package is checked"
    WRITING = "the firmware is written"
    SILENT = "all is written, the result is missing"
    SUCCEEDED = "the result is success"
    STARTED = "the module started in normal mode, no result was told"
    DONE = "the result is success and the module started"
    FAILED = "the result is an error"
    GIVEN_UP = "nobody sent a package in time"
    REFUSED = "the command was refused"


class UpdateInput(enum.Enum):
    """What can happen."""

    OK = "OK or a prompt"
    ERROR = "ERROR or +CME ERROR"
    ONGOING = "+UFWUPD: ONGOING"
    CALL = "C or NAK"
    SENDING = "our user begins to send"
    SENT = "our user has sent the package"
    ABORTED = "our user's transfer failed"
    CHECK = "+UFWPREVAL"
    PROGRESS = "progress of the installation below 100"
    FULL = "progress of the installation is 100"
    SUCCESS = "code 128"
    CODE = "another code"
    TIMEOUT = "the text of a time-out"
    GREETING = "the greeting"
    STARTED = "the module started, as our user knows by other means"


_S, _I = UpdateState, UpdateInput

_RUNNING = (_S.LISTENING, _S.COMMANDED, _S.ACCEPTED, _S.WAITING, _S.RECEIVING, _S.RECEIVED, _S.CHECKING,
            _S.WRITING, _S.SILENT)
_OPEN = (*_RUNNING, _S.STARTED)  # no result was told

TRANSITIONS: Mapping[tuple[UpdateState, UpdateInput], UpdateState] = {
    # the answer at the old rate; afterwards such texts are noise
    (_S.COMMANDED, _I.OK): _S.ACCEPTED,
    (_S.COMMANDED, _I.ERROR): _S.REFUSED,
    # a prompt may come, and an error behind it
    (_S.ACCEPTED, _I.ERROR): _S.REFUSED,
    **{(state, _I.ONGOING): _S.WAITING for state in _OPEN},
    # 11.1.1: C and NAK; ONGOING itself may have been missed on USB
    **{(state, _I.CALL): _S.WAITING for state in (_S.LISTENING, _S.COMMANDED, _S.ACCEPTED, _S.WAITING)},
    (_S.WAITING, _I.SENDING): _S.RECEIVING,
    (_S.RECEIVING, _I.SENT): _S.RECEIVED,
    (_S.RECEIVING, _I.ABORTED): _S.WAITING,
    # any percent may miss, 100 too; an installation that was cut begins again
    **{(state, _I.CHECK): _S.CHECKING for state in _OPEN},
    **{(state, _I.PROGRESS): _S.WRITING for state in _OPEN},
    **{(state, _I.FULL): _S.SILENT for state in _OPEN},
    # Tables 48 and 52 differ in the order of 128 and the restart
    **{(state, _I.SUCCESS): _S.SUCCEEDED for state in _RUNNING},
    (_S.STARTED, _I.SUCCESS): _S.DONE,
    (_S.SUCCEEDED, _I.GREETING): _S.DONE,
    (_S.SUCCEEDED, _I.STARTED): _S.DONE,
    **{(state, _I.CODE): _S.FAILED for state in _OPEN},
    # 11.1.1: 109 s in all
    **{(state, _I.TIMEOUT): _S.GIVEN_UP for state in (_S.LISTENING, _S.COMMANDED, _S.ACCEPTED, _S.WAITING,
                                                _S.RECEIVING)},
    **{(state, moved): _S.STARTED for state in _RUNNING for moved in (_I.GREETING, _I.STARTED)},
}
"""What is not named changes nothing. The greeting before the first word of update mode is the restart into
it on some firmware, so STARTED is left again by what follows."""

OVER = frozenset({_S.DONE, _S.FAILED, _S.GIVEN_UP, _S.REFUSED})
"""Nothing that the module says afterwards belongs to this update."""
