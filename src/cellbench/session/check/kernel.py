"""What the kernel says of its clock (adjtimex(2)), without any privilege."""

from __future__ import annotations

import ctypes
import enum

_TIME_ERROR = 5  # linux/timex.h: the clock is not synchronised
_STRUCT_BYTES = 208  # sizeof(struct timex) on 64-bit Linux; modes = 0 reads only


class Sync(enum.Enum):
    """Whether something keeps the clock right."""

    YES = "synchronised"
    NO = "not synchronised"
    UNKNOWN = "synchronisation not known"


def kernel_sync() -> Sync:
    """The kernel's own word: a time daemon clears the error flag once it has set the clock."""
    room = ctypes.create_string_buffer(_STRUCT_BYTES * 2)
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(room)
    except (OSError, AttributeError):
        return Sync.UNKNOWN
    if state < 0:
        return Sync.UNKNOWN
    return Sync.NO if state == _TIME_ERROR else Sync.YES
