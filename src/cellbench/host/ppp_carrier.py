"""Where a data call ends in the stream of bytes: the module's own words behind the last frame."""

from __future__ import annotations

import re

_WORDS = rb"NO CARRIER|DISCONNECT|BUSY|NO ANSWER|ERROR|\+CME ERROR: [ -~]+"
_SURE_S = 0.25  # how long the words must stand alone to be no part of a frame


class CarrierWatch:
    """Finds the result code that ends data mode. ``greeting`` is the module's start-up text, "" for none;
    ``numeric``: result codes are digits (ATV0)."""

    __slots__ = ("_greeting", "_pattern", "_since")

    def __init__(self, greeting: str | None, *, numeric: bool = False) -> None:
        text = rb"\r\n(?:" + _WORDS + rb")\r\n" + (rb"|\A3\r" if numeric else b"")
        # URCs may follow, the last one perhaps not yet whole
        self._pattern = re.compile(b"(?P<end>" + text + rb")(?P<rest>[ -~\r\n]*)\Z")
        self._greeting = b"\r\n" + greeting.encode("latin-1") + b"\r\n" if greeting else b""
        self._since: float | None = None

    def find(self, octets: bytes, now: float) -> tuple[str, bytes] | None:
        """What the octets behind the last flag say: the module's words, and the bytes that belong to
        command mode (for a restart from its greeting on). None while data mode goes on.

        A frame's data may hold the same words: they count at once where no frame has begun, else when
        nothing has followed for a quarter of a second.
        """
        greeted = octets.find(self._greeting) if self._greeting else -1
        found = self._pattern.search(octets)
        if greeted < 0 and found is None:
            self._since = None
            return None
        at = greeted if found is None or 0 <= greeted < found.start() else found.start()
        self._since = now if self._since is None else self._since
        if at > 0 and now - self._since < _SURE_S:
            return None
        if at == greeted:
            return self._greeting.decode("latin-1").strip(), octets[at:]
        assert found is not None
        return found["end"].decode("latin-1").strip(), found["rest"]

    @property
    def greeting(self) -> str:
        """The start-up text that is looked for."""
        return self._greeting.decode("latin-1").strip()

    @property
    def is_suspicious(self) -> bool:
        """True while words stand there that may be the end."""
        return self._since is not None
