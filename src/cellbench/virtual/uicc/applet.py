"""The applet of a multi-IMSI card: it hears of the registration and takes another identity when it fails.

The terminal reports by ENVELOPE (EVENT DOWNLOAD, location status: TS 102 223 7.5.4), the card answers with a
REFRESH that waits.
"""

from __future__ import annotations

from collections.abc import Callable

from cellbench.virtual.uicc.access import objects
from cellbench.virtual.uicc.fcp import tlv
from cellbench.virtual.uicc.toolkit import EVENT_DOWNLOAD, TERMINAL_TO_CARD

EVENT_LIST, STATUS = 0x99, 0x9B  # TS 101 220 table 7.23, comprehension required
LOCATION_STATUS = 0x03
NORMAL, LIMITED = 0x00, 0x01
_ANY = 0x7F


def location_status(status: int) -> bytes:
    """The data of the envelope that tells how the registration stands."""
    return tlv(EVENT_DOWNLOAD, tlv(EVENT_LIST, bytes([LOCATION_STATUS])) + TERMINAL_TO_CARD
               + tlv(STATUS, bytes([status])))


class MultiImsi:
    """Goes through ``identities`` once for each time that service is lost; ``swap`` puts one into the files
    and lets a REFRESH wait."""

    def __init__(self, identities: tuple[str, ...], swap: Callable[[str], None]) -> None:
        self._identities = identities
        self._swap = swap
        self._left: list[str] | None = None
        self.current = identities[0]

    def __call__(self, envelope: bytes) -> None:
        """An envelope has come."""
        found = dict(objects(envelope))
        values = {tag & _ANY: value for tag, value in objects(found.get(EVENT_DOWNLOAD, b""))}
        if values.get(EVENT_LIST & _ANY) != bytes([LOCATION_STATUS]):
            return
        if values.get(STATUS & _ANY) == bytes([NORMAL]):
            self._left = None
            return
        if self._left is None:
            place = self._identities.index(self.current)
            self._left = [*self._identities[place + 1:], *self._identities[:place]]
        if self._left:
            self.current = self._left.pop(0)
            self._swap(self.current)
