"""The slots of a rig file to be: what was found, completed by answers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import profile_for, variants_of
from cellbench.catalogue.modules.model import ModuleProfile
from cellbench.io.usb import UsbDevice
from cellbench.session.check.tree import module_series
from cellbench.session.discover.plug import wait_plugged
from cellbench.session.discover.questions import Asker
from cellbench.session.discover.survey import FoundInstrument, FoundModule, Survey

_PLUG_S = 120.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,31}")
_LOCATION = re.compile(r"[0-9]{1,3}-[0-9]{1,3}(\.[0-9]{1,3}){0,6}")
_ADAPTER = re.compile(rf"(?P<location>{_LOCATION.pattern})(:(?P<interface>[0-9]{{1,2}}))?")
_URL = re.compile(r"(/.+|(rfc2217|socket)://.+:[0-9]+)")
_WIRE = re.compile(r"(?P<board>[A-Za-z0-9][A-Za-z0-9._\-]{0,31}):(?P<pin>[0-9]{1,4})")

LINES = {
    "pwr_on": "PWR_ON: which contact pulls it to ground, as BOARD:PIN",
    "reset_n": "RESET_N: which contact pulls it to ground, as BOARD:PIN",
    "usb_boot": "USB_BOOT: which contact pulls it up to V_INT, as BOARD:PIN",
    "vusb_det": "VUSB_DET: which contact gives it its voltage, as BOARD:PIN",
    "v_int": "V_INT: which input reads it, as BOARD:INPUT",
}


@dataclass(slots=True)
class Draft:
    """One slot; texts that begin with FILL IN are for a person to complete."""

    name: str
    series: str
    variant: str = ""
    location: str = ""
    seen: str = ""
    uart: str = ""
    supply: str = ""
    channel: int | str = 0
    lines: dict[str, str] = field(default_factory=dict)
    sim: str = ""

    @property
    def profile(self) -> ModuleProfile:
        """The facts that defaults come from; the first series' while it is not known."""
        series = next((one for one in Series if one.value == self.series), next(iter(Series)))
        return profile_for(series, self.variant if self.variant in variants_of(series) else None)


@dataclass(slots=True)
class Interview:
    """Asks for every slot, one after the other."""

    asker: Asker
    found: Survey
    sysfs: Path
    dev: Path

    def slots(self) -> tuple[Draft, ...]:
        """As many as the person says, at least one; those seen on USB first."""
        seen = self.found.modules
        given = self.asker.answers.get("slots") if isinstance(self.asker.answers, dict) else None
        count: int | str = (
            len(given)
            if isinstance(given, list)
            else self.asker.number(
                ("count",),
                f"{len(seen)} modules are on USB now. How many slots has the bench",
                default=max(1, len(seen)),
                least=1,
                most=64,
            )
        )
        number = count if isinstance(count, int) else 1
        taken: list[str] = []
        drafts = []
        for index in range(max(number, 1)):
            module = seen[index] if index < len(seen) else None
            drafts.append(self._slot(index, module, taken))
        return tuple(drafts)

    def _slot(self, index: int, module: FoundModule | None, taken: list[str]) -> Draft:
        def name_check(text: str) -> str | None:
            if _NAME.fullmatch(text) is None:
                return f"{text!r} is no name: letters, digits, dots, hyphens, underscores"
            return f"{text!r} is taken" if text in taken else None

        place = ("slots", index)
        where = f" (on USB at {module.location}: {module.words})" if module else ""
        name = self.asker.text(
            (*place, "name"),
            f"Name of slot {index + 1}{where}",
            default=f"slot-{index + 1}",
            check=name_check,
        )
        taken.append(name)
        if module is None and self.asker.interactive:
            module = self._plugged(name)
        series = (
            module.series.value
            if module is not None
            else self.asker.text(
                (*place, "series"),
                f"Series of the module of {name}",
                choices=tuple(one.value for one in Series),
            )
        )
        draft = Draft(
            name,
            series,
            module.variant if module else "",
            module.location if module else "",
            module.words if module else "",
        )
        self._product(place, draft)
        self._usb(place, draft)
        self._uart(place, draft)
        self._power(place, draft)
        draft.sim = self.asker.text(
            (*place, "sim"),
            f"Name of the SIM in {name}",
            default=f"sim-{index + 1}",
            check=lambda text: None if _NAME.fullmatch(text) else "it is no name",
        )
        return draft

    def _plugged(self, name: str) -> FoundModule | None:
        question = f"Plug in, or switch on, the module of slot {name} now"
        while (device := wait_plugged(self.sysfs, self.dev, question, _PLUG_S)) is not None:
            series = module_series(device)
            if series is not None:
                return FoundModule(device.location, series, "", device.words)
        return None

    def _product(self, place: tuple[str | int, ...], draft: Draft) -> None:
        series = next((one for one in Series if one.value == draft.series), None)
        if series is None:
            return
        variants = variants_of(series)
        answer = self.asker.text(
            (*place, "variant"),
            f"Variant in {draft.name}, as on its label",
            default=draft.variant or "none",
            choices=("none", *variants),
        )
        draft.variant = "" if answer == "none" else answer

    def _usb(self, place: tuple[str | int, ...], draft: Draft) -> None:
        if draft.location:
            return
        answer = self.asker.text(
            (*place, "usb"),
            f"USB location of the module of {draft.name}, like 1-4.2 (none: USB is not connected)",
            check=lambda text: (
                None if _LOCATION.fullmatch(text) else f"{text!r} is no USB location like 1-4.2"
            ),
        )
        draft.location = "" if answer == "none" else answer

    def _uart(self, place: tuple[str | int, ...], draft: Draft) -> None:
        there = "; ".join(
            f"{one.location} ({one.words}, {len(one.ttys)} ports)" for one in self.found.adapters
        )
        hint = f"; adapters are at {there}" if there else ""
        default = "none" if draft.location and not self.asker.interactive else None
        answer = self.asker.text(
            (*place, "uart"),
            f"UART of {draft.name}: the adapter's USB location as 1-4.3 or 1-4.3:INTERFACE, a "
            f"path, rfc2217://HOST:PORT, or none{hint}",
            default=default,
            check=lambda text: (
                None
                if _ADAPTER.fullmatch(text) or _URL.fullmatch(text)
                else f"{text!r} is no address of a port"
            ),
        )
        draft.uart = "" if answer == "none" else answer

    def _power(self, place: tuple[str | int, ...], draft: Draft) -> None:
        names = tuple(one.name for one in self.found.supplies)
        if not names:
            return
        draft.supply = self.asker.text(
            (*place, "supply"),
            f"Supply of {draft.name}",
            choices=(*names, "none"),
            default=names[0] if len(names) == 1 else None,
        )
        if draft.supply == "none":
            draft.supply = ""
            return
        supply = next((one for one in self.found.supplies if one.name == draft.supply), None)
        most = supply.channels if supply is not None and supply.channels else 16
        draft.channel = self.asker.number(
            (*place, "channel"),
            f"Channel of {'the supply' if supply is None else draft.supply} that feeds {draft.name}",
            least=1,
            most=most,
            default=1 if most == 1 else None,
        )
        for line, question in LINES.items():
            if line == "usb_boot" and not draft.profile.power.has_usb_boot:
                continue
            default = None if line == "pwr_on" else "none"
            answer = self.asker.text(
                (*place, line),
                f"{draft.name}: {question}",
                default=default,
                check=lambda text: self._wire(text),
            )
            if answer != "none":
                draft.lines[line] = answer

    def _wire(self, text: str) -> str | None:
        match = _WIRE.fullmatch(text)
        names = tuple(one.name for one in self.found.boards)
        if match is None:
            return f"{text!r} is not of the form BOARD:PIN, like {names[0] if names else 'relays1'}:0"
        if names and match["board"] not in names:
            return f"there is no board {match['board']}; there are {', '.join(names)}"
        return None


def split_wire(text: str, boards: tuple[FoundInstrument, ...]) -> tuple[str, int | str]:
    """Board and pin of an answer; for a placeholder one each, the board where there is one alone."""
    match = _WIRE.fullmatch(text)
    if match is not None:
        return match["board"], int(match["pin"])
    question = text.partition(", as BOARD")[0]
    return (boards[0].name if len(boards) == 1 else f"{question}: the board"), f"{question}: its number"


def split_adapter(text: str) -> tuple[str, int | None] | None:
    """Location and interface of an answer; None for paths, URLs and placeholders."""
    match = _ADAPTER.fullmatch(text)
    if match is None:
        return None
    return match["location"], int(match["interface"]) if match["interface"] else None


def adapters_unused(found: Survey, drafts: tuple[Draft, ...]) -> tuple[UsbDevice, ...]:
    """Adapters that no slot uses, for a comment."""
    used = {split[0] for draft in drafts if (split := split_adapter(draft.uart)) is not None}
    return tuple(one for one in found.adapters if one.location not in used)


def instruments_of(found: Survey) -> tuple[FoundInstrument, ...]:
    """Everything that goes under instruments."""
    return (*found.supplies, *found.boards)
