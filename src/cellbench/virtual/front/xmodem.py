"""The module's end of an Xmodem transfer: a receiver without clock and without port.

Ward Christensen's protocol as "XMODEM/YMODEM PROTOCOL REFERENCE" (Chuck Forsberg, 1988) has it: SOH with 128
bytes or STX with 1024, block number and its complement, data, then a sum of one byte or a CRC of two (x^16 +
x^12 + x^5 + 1, most significant bit first, from 0). The window in which a sender may start is that of LENA-R8
guide 11.1.1: three C, 3 s each, then ten NAK, 10 s each, 109 s in all; a sender that starts on a C is taken
with CRC, on a NAK with the sum.

The driver gives bytes to :meth:`XmodemReceiver.receive`, sends what it returns, and calls
:meth:`XmodemReceiver.expired` when ``wait_s`` seconds have passed without a further call.
"""

from __future__ import annotations

import binascii
import enum
from dataclasses import dataclass

SOH, STX, EOT, ACK, NAK, CAN, CRC_CALL = 0x01, 0x02, 0x04, 0x06, 0x15, 0x18, 0x43
_LENGTHS = {SOH: 128, STX: 1024}
_ABORT = bytes([CAN]) * 8
PADDING = 0x1A


class Phase(enum.Enum):
    """Where a transfer is."""

    CALLING = "calling"  # C or NAK goes out, no block has come
    BLOCKS = "blocks"
    QUIET = "quiet"  # something was damaged: the rest of it is let pass, then NAK
    DONE = "done"  # EOT was taken; a repeated one is acknowledged again
    ENDED = "ended"  # failed or cancelled


class Outcome(enum.Enum):
    """How a transfer ended."""

    COMPLETE = "complete"
    NOBODY = "nobody"  # no sender came within the window
    SILENT = "silent"  # the sender stopped within the transfer
    CANCELLED = "cancelled"  # CAN CAN from the sender
    LOST = "lost"  # a block number that is neither the next nor the last
    GIVEN_UP = "given up"  # the module itself cancelled


@dataclass(frozen=True, slots=True)
class Windows:
    """Waits in seconds, and how often."""

    call_crc_s: float = 3.0
    calls_crc: int = 3
    call_sum_s: float = 10.0
    calls_sum: int = 10
    block_s: float = 10.0
    within_block_s: float = 1.0
    quiet_s: float = 0.5
    retries: int = 10

    @property
    def total_s(self) -> float:
        """How long a sender may take to start."""
        return self.calls_crc * self.call_crc_s + self.calls_sum * self.call_sum_s


@dataclass(frozen=True, slots=True)
class Block:
    """A block that was taken: its number from 1, not wrapped, and its data with any padding."""

    number: int
    data: bytes


def crc16(data: bytes) -> int:
    """The check of a block with CRC."""
    return binascii.crc_hqx(data, 0)


class XmodemReceiver:
    """One transfer. ``start`` gives the first byte to send."""

    def __init__(self, windows: Windows) -> None:
        self.phase = Phase.CALLING
        self.outcome: Outcome | None = None
        self.with_crc = True
        self._windows = windows
        self._calls = 0
        self._buffer = bytearray()
        self._blocks: list[Block] = []
        self._taken = 0
        self._faults = 0
        self._cancels = 0

    @property
    def wait_s(self) -> float:
        """After so many seconds without a byte ``expired`` is due."""
        windows = self._windows
        if self.phase is Phase.CALLING and not self._buffer:
            return windows.call_crc_s if self._calls <= windows.calls_crc else windows.call_sum_s
        if self.phase is Phase.QUIET:
            return windows.quiet_s
        return windows.within_block_s if self._buffer else windows.block_s

    @property
    def crc_next(self) -> bool:
        """True while the call last sent was a C."""
        return self._calls <= self._windows.calls_crc

    @property
    def blocks_taken(self) -> int:
        """How many blocks have been acknowledged."""
        return self._taken

    def start(self) -> bytes:
        """The first call."""
        return self._call()

    def take(self) -> list[Block]:
        """Blocks taken since the last call."""
        blocks, self._blocks = self._blocks, []
        return blocks

    def cancel(self) -> bytes:
        """Give the transfer up; what to send."""
        self._end(Outcome.GIVEN_UP)
        return _ABORT

    def receive(self, data: bytes) -> bytes:
        """Bytes from the sender; what to send."""
        out = bytearray()
        if self.phase is Phase.ENDED:
            return b""
        if self.phase is Phase.QUIET:
            return b""  # it goes on being noisy: ``expired`` counts from here
        self._buffer += data
        while self._buffer and self.phase not in (Phase.ENDED, Phase.QUIET):
            first = self._buffer[0]
            self._cancels = self._cancels if first == CAN else 0
            if first in _LENGTHS and self.phase is not Phase.DONE:
                reply = self._block(_LENGTHS[first])
                if reply is None:
                    break
                out += reply
            else:
                out += self._single(first)
        return bytes(out)

    def expired(self) -> bytes:
        """``wait_s`` seconds have passed without a byte; what to send."""
        if self.phase is Phase.CALLING and not self._buffer:
            return self._call()
        if self.phase in (Phase.DONE, Phase.ENDED):
            return b""
        self._buffer.clear()
        if self._taken == 0 and self.phase is Phase.CALLING:
            return self._fault(bytes([CRC_CALL if self.with_crc else NAK]))
        self.phase = Phase.BLOCKS
        return self._fault(bytes([NAK]))

    # -- parts -------------------------------------------------------------------------------------

    def _call(self) -> bytes:
        self._calls += 1
        windows = self._windows
        if self._calls > windows.calls_crc + windows.calls_sum:
            self._end(Outcome.NOBODY)
            return b""
        return bytes([CRC_CALL if self.crc_next else NAK])

    def _fault(self, answer: bytes) -> bytes:
        self._faults += 1
        if self._faults > self._windows.retries:
            self._end(Outcome.SILENT)
            return _ABORT
        return answer

    def _end(self, outcome: Outcome) -> None:
        self.phase = Phase.DONE if outcome is Outcome.COMPLETE else Phase.ENDED
        self.outcome = outcome
        self._buffer.clear()

    def _single(self, octet: int) -> bytes:
        """A character that begins no block."""
        del self._buffer[0]
        if octet == EOT and self.phase in (Phase.BLOCKS, Phase.DONE):
            self._end(Outcome.COMPLETE)
            return bytes([ACK])
        if octet == CAN and self.phase in (Phase.BLOCKS, Phase.CALLING):
            self._cancels += 1
            if self._cancels >= 2:
                self._end(Outcome.CANCELLED)
            return b""
        if self.phase is Phase.BLOCKS:
            self.phase = Phase.QUIET
            self._buffer.clear()
        return b""  # before the first block a person may be typing: it is let pass

    def _block(self, length: int) -> bytes | None:
        """A block, once it is whole; None while it is not."""
        if self.phase is Phase.CALLING:
            self.with_crc, self.phase = self.crc_next, Phase.BLOCKS
        check = 2 if self.with_crc else 1
        if len(self._buffer) < 3 + length + check:
            return None
        whole = bytes(self._buffer[: 3 + length + check])
        number, complement, data = whole[1], whole[2], whole[3 : 3 + length]
        expected = crc16(data) if self.with_crc else sum(data) & 0xFF
        if number ^ complement != 0xFF or expected != int.from_bytes(whole[3 + length :], "big"):
            self._buffer.clear()
            self.phase = Phase.QUIET
            return b""
        del self._buffer[: len(whole)]
        return self._numbered(number, data)

    def _numbered(self, number: int, data: bytes) -> bytes:
        if number == (self._taken + 1) & 0xFF:
            self._taken += 1
            self._faults = 0
            self._blocks.append(Block(self._taken, data))
            return bytes([ACK])
        if self._taken and number == self._taken & 0xFF:
            return bytes([ACK])  # our ACK was lost: the block is there already
        self._end(Outcome.LOST)
        return _ABORT
