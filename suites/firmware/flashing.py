"""What procedures of flashing share: images that no module must take, and cables."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cellbench.api import FarSide, NotPossible, Package, PackageKind, Slot, UpdateEvent


def damaged(image: Package, folder: Path) -> Package:
    """The image with one byte in its middle changed, as a package whose sums are those of the damaged file:
    the host finds nothing wrong with it."""
    data = bytearray(image.path.read_bytes())
    data[len(data) // 2] ^= 0x55
    path = folder / f"damaged-{image.path.name}"
    path.write_bytes(data)
    return replace(image, path=path, md5=hashlib.md5(data, usedforsecurity=False).hexdigest(),
                   sha256=hashlib.sha256(data).hexdigest())


def disguised(delta: Package) -> Package:
    """A delta that says it is a full image."""
    return replace(delta, kind=PackageKind.FULL, start=None)


class Cable:
    """The module's USB cable: the power of its hub port, else what the far side does with it."""

    def __init__(self, slot: Slot, far_side: FarSide) -> None:
        """NotPossible when neither can."""
        self._hub = slot.model.usb_power is not None
        if not self._hub and not far_side.can("usb"):
            raise NotPossible(f"nothing pulls the USB cable of slot {slot.name}: {far_side.why_not('usb')}",
                              remedy="name a hub port under usb_power")
        self._slot, self._far_side = slot, far_side

    def pull(self) -> None:
        """Out."""
        if self._hub:
            self._slot.usb_power(False)
        else:
            self._far_side.act("usb", state="unplug")

    def plug(self) -> None:
        """In again."""
        if self._hub:
            self._slot.usb_power(True)
        else:
            self._far_side.act("usb", state="plug")


def once_at(percent: int, deed: Callable[[], None]) -> Callable[[UpdateEvent], None]:
    """A report that does a deed when so much is written, once."""
    done: list[UpdateEvent] = []

    def report(event: UpdateEvent) -> None:
        if not done and event.stage.value == "writing" and (event.at or 0) >= percent:
            done.append(event)
            deed()

    return report
