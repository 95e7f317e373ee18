"""What is known of the module in a slot: whose it is, and since when that is proven."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OwnUnit:
    """A proof that a slot's wires lead to the module that is expected there.

    ``signs`` are the signs that were looked at, in words. ``since``: the power session that it holds for
    (Slot.on_since); None where the bench does not switch the supply.
    """

    slot: str
    imei: str
    signs: tuple[str, ...]
    since: float | None


@dataclass(slots=True)
class KnownUnit:
    """What a run knows of a slot's module: the IMEI that it recorded, "" before that, and the last proof."""

    imei: str = ""
    proof: OwnUnit | None = None
