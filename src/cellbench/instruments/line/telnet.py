"""The few telnet rules (RFC 854, 855) that a board with a command prompt needs, without I/O."""

from __future__ import annotations

import enum

IAC, DONT, DO, WONT, WILL, SB, SE = 255, 254, 253, 252, 251, 250, 240
ECHO, SUPPRESS_GO_AHEAD = 1, 3


class _State(enum.Enum):
    TEXT = enum.auto()
    COMMAND = enum.auto()
    OPTION = enum.auto()
    SUB = enum.auto()
    SUB_COMMAND = enum.auto()


class TelnetFilter:
    """Takes bytes of a telnet stream apart: text for the caller, answers for the far end."""

    __slots__ = ("_answered", "_state", "_verb", "negotiated")

    def __init__(self) -> None:
        self._state = _State.TEXT
        self._verb = 0
        self._answered: set[tuple[int, int]] = set()
        self.negotiated = False

    def receive(self, data: bytes) -> tuple[bytes, bytes]:
        """The text in ``data`` and what must be sent back; a command may be split over calls."""
        text, answer = bytearray(), bytearray()
        for byte in data:
            match self._state:
                case _State.TEXT if byte == IAC:
                    self._state = _State.COMMAND
                case _State.TEXT:
                    text.append(byte)
                case _State.COMMAND:
                    self._command(byte, text)
                case _State.OPTION:
                    answer += self._option(byte)
                    self._state = _State.TEXT
                case _State.SUB if byte == IAC:
                    self._state = _State.SUB_COMMAND
                case _State.SUB_COMMAND:
                    self._state = _State.TEXT if byte == SE else _State.SUB
                case _State.SUB:
                    pass  # parameters of options that are not used here
        return bytes(text), bytes(answer)

    def _command(self, byte: int, text: bytearray) -> None:
        self._state = _State.TEXT
        if byte == IAC:
            text.append(IAC)
        elif byte in (DO, DONT, WILL, WONT):
            self._verb = byte
            self._state = _State.OPTION
        elif byte == SB:
            self._state = _State.SUB

    def _option(self, option: int) -> bytes:
        """Let the far end echo and suppress go-ahead, refuse the rest; each request is answered once."""
        self.negotiated = True
        verb = self._verb
        if verb not in (DO, WILL) or (verb, option) in self._answered:
            return b""
        self._answered.add((verb, option))
        if verb == DO:
            return bytes((IAC, WONT, option))
        return bytes((IAC, DO if option in (ECHO, SUPPRESS_GO_AHEAD) else DONT, option))
