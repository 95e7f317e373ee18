"""What told of a module that the interlock started, and which wires that shows at the wrong place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from cellbench.rig.slot import Slot

RISE_A = 0.003  # a running module draws more than one that is off by at least this


@dataclass(frozen=True, slots=True)
class Mistake:
    """One wire at the wrong place; ``place`` is the setting in the rig file."""

    place: tuple[str, ...]
    sentence: str
    remedy: str


@dataclass(slots=True)
class Signs:
    """What told of a module that was started: labels are slots' names, or USB locations that no slot names.

    ``peak_a`` is the highest current of the supply's own channel, None where it measures none.
    """

    supply: str
    pwr_on: str = ""
    usb: list[str] = field(default_factory=list)
    v_int: list[str] = field(default_factory=list)
    uart: str = ""
    imei: str = ""
    usb_imei: str = ""
    idle_a: float | None = None
    peak_a: float | None = None

    @property
    def current_rose(self) -> bool:
        """True when the supply gave more than to a module that is off."""
        return self.peak_a is not None and self.peak_a - (self.idle_a or 0.0) >= RISE_A

    @property
    def started(self) -> bool:
        """True when anything tells of a module."""
        return bool(self.usb or self.v_int or self.uart)


def misplaced(signs: Signs, slots: dict[str, Slot]) -> Iterator[Mistake]:
    """Wires whose labels disagree with the majority; a supply that powers another slot's module."""
    name = signs.supply
    labels = [label for label in (signs.pwr_on, *signs.usb, *signs.v_int, signs.uart) if label]
    votes = Counter(label for label in labels if label in slots)
    most = votes.most_common(1)[0][1] if votes else 0
    leaders = [label for label, count in votes.items() if count == most]
    truth = name if name in leaders or not leaders else leaders[0]
    if truth != name:
        by = (
            f"the module at slot {truth}'s USB location"
            if truth in signs.usb
            else f"the module that slot {truth}'s wires lead to"
        )
        yield Mistake(
            ("slots", name, "power"),
            f"slot {name}'s supply powers {by}",
            f"exchange power of {name} and {truth} in the file, or their supply wires",
        )
    if signs.pwr_on and signs.pwr_on != truth:
        yield Mistake(
            ("slots", signs.pwr_on, "lines", "pwr_on"),
            f"slot {signs.pwr_on}'s PWR_ON starts the module of slot {truth}",
            f"exchange lines.pwr_on of {signs.pwr_on} and {truth}",
        )
    for label in signs.usb:
        if label not in slots and slots[truth].model.ports.usb is None:
            continue  # the file names no USB for it, and a UART alone is legal
        if label not in slots:
            yield Mistake(
                ("slots", truth, "ports", "usb", "location"),
                f"the module of slot {truth} appears at USB location {label}, which no slot names",
                f'write location: "{label}"',
            )
        elif label != truth:
            yield Mistake(
                ("slots", truth, "ports", "usb", "location"),
                f"the module of slot {truth} appears at slot {label}'s USB location",
                f"exchange ports.usb of {truth} and {label}, or their cables",
            )
    for label in signs.v_int:
        if label != truth:
            yield Mistake(
                ("slots", label, "lines", "v_int"),
                f"V_INT of slot {label} rises with the module of slot {truth}",
                f"exchange lines.v_int of {label} and {truth}",
            )
    if signs.uart and signs.uart != truth:
        yield Mistake(
            ("slots", truth, "ports", "uart"),
            f"the module of slot {truth} answers on slot {signs.uart}'s UART",
            f"exchange ports.uart of {truth} and {signs.uart}",
        )
    yield from _missing(signs, slots, truth)


def _missing(signs: Signs, slots: dict[str, Slot], truth: str) -> Iterator[Mistake]:
    """Wires that a slot has by the file and that told nothing."""
    model = slots[truth].model
    if model.ports.usb is not None and not signs.usb:
        yield Mistake(
            ("slots", truth, "ports", "usb"),
            f"the module of slot {truth} starts and shows nowhere on USB",
            "plug its USB cable; drive VUSB_DET where it is wired; `lsusb -t`",
        )
    if model.ports.uart is not None and not signs.uart:
        yield Mistake(
            ("slots", truth, "ports", "uart"),
            f"the module of slot {truth} starts and no UART answers",
            "TXD and RXD may be exchanged, or the rate another: compare rate_bit_s with +IPR",
        )
    if "v_int" in model.lines.read() and not signs.v_int:
        yield Mistake(
            ("slots", truth, "lines", "v_int"),
            f"the module of slot {truth} starts and no V_INT rises",
            "check the input's wire and its threshold: V_INT is 1.8 V",
        )
