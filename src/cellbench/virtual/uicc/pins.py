"""PINs and the keys that unblock them: values, tries, what is satisfied (9.4, 9.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cellbench.virtual.uicc.apdu import Refused, Sw, tries

PIN1, PIN2, ADM1, ADM3 = 0x01, 0x81, 0x0A, 0x0C
SIZE = 8
PIN_TRIES, PUK_TRIES = 3, 10


def padded(code: str) -> bytes:
    """A code of 4 to 8 digits as the card takes it: ASCII, filled with FF (9.4.1)."""
    return code.encode("latin-1", "replace")[:SIZE].ljust(SIZE, b"\xff")


@dataclass(slots=True)
class Pin:
    """One PIN. ``fixed``: it cannot be disabled (ADM, PIN2: 9.4.2)."""

    value: bytes
    unblocking: bytes = b""
    enabled: bool = True
    fixed: bool = False
    left: int = PIN_TRIES
    unblocking_left: int = PUK_TRIES
    verified: bool = False

    @property
    def satisfied(self) -> bool:
        """True when what it protects is open: verified, or disabled (9.5.1)."""
        return not self.enabled or self.verified

    def present(self, value: bytes) -> None:
        """Compare, and count (11.1.9.1.1). Refused: 6983 when blocked, 63CX when false."""
        if not self.left:
            raise Refused(Sw.BLOCKED)
        if value != self.value:
            self.left -= 1
            if not self.left:
                self.verified = False
            raise Refused(tries(self.left))
        self.left = PIN_TRIES

    def verify(self, value: bytes) -> None:
        """VERIFY PIN (11.1.9)."""
        self._must_be_enabled()
        self.present(value)
        self.verified = True

    def change(self, old: bytes, new: bytes) -> None:
        """CHANGE PIN (11.1.10); only an enabled PIN can be changed."""
        self._must_be_enabled()
        self.present(old)
        self.value, self.verified = new, True

    def disable(self, value: bytes) -> None:
        """DISABLE PIN (11.1.11)."""
        if self.fixed:
            raise Refused(Sw.CONDITIONS)
        self._must_be_enabled()
        self.present(value)
        self.enabled = self.verified = False

    def enable(self, value: bytes) -> None:
        """ENABLE PIN (11.1.12): the PIN is taken as verified afterwards."""
        if not self.left:
            raise Refused(Sw.BLOCKED)
        if self.enabled:
            raise Refused(Sw.REFERENCED_INVALID)
        self.present(value)
        self.enabled = self.verified = True

    def unblock(self, key: bytes, new: bytes) -> None:
        """UNBLOCK PIN (11.1.13): also of a PIN that is not blocked; it is enabled afterwards."""
        if not self.unblocking:
            raise Refused(Sw.DATA_NOT_FOUND)
        if not self.unblocking_left:
            raise Refused(Sw.BLOCKED)
        if key != self.unblocking:
            self.unblocking_left -= 1
            raise Refused(tries(self.unblocking_left))
        self.value, self.left, self.unblocking_left = new, PIN_TRIES, PUK_TRIES
        self.enabled = self.verified = True

    def _must_be_enabled(self) -> None:
        if not self.left:
            raise Refused(Sw.BLOCKED)
        if not self.enabled:
            raise Refused(Sw.REFERENCED_INVALID)


class Pins:
    """The PINs of a card by key reference (table 9.3)."""

    def __init__(self, pins: Mapping[int, Pin]) -> None:
        self._pins = dict(pins)

    def get(self, key: int) -> Pin:
        """The PIN of a key reference; Refused 6A88 when the card has none (10.2.1.5.3)."""
        found = self._pins.get(key)
        if found is None:
            raise Refused(Sw.DATA_NOT_FOUND)
        return found

    def satisfied(self, key: int) -> bool:
        """True when the condition of a key reference holds."""
        return key in self._pins and self._pins[key].satisfied

    def enabled(self, key: int) -> bool:
        """True when verification of a key reference is asked for (PIN status template, 9.5.2)."""
        return key in self._pins and self._pins[key].enabled

    def reset(self) -> None:
        """A new card session: nothing is verified (9.4)."""
        for one in self._pins.values():
            one.verified = False
