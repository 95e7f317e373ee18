"""What a rig asks the guardian to look after, as plain frozen data that crosses a socket and a crash.

Built from the rig file by cellbench.rig.build. `EquipmentPlan` says how each instrument is opened,
`SlotPlan` what one slot uses of them and within which limits. Both go to JSON and back unchanged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from cellbench.base.errors import RigError

Json = Mapping[str, object]

USB_POWER = "usb_power"
"""The driven line that is the power of a slot's USB port."""
RELEASE_ORDER = ("usb_boot", "pwr_on", "reset_n", "vusb_det", USB_POWER)
"""Order in which driven lines are released unless a plan says otherwise: what decides how the module
boots first, its USB supply last."""


@dataclass(frozen=True, slots=True)
class InstrumentPlan:
    """How one instrument is opened.

    ``settings`` are those of the kind's settings model without ``kind``, JSON-able, secrets resolved.
    ``secrets`` names the settings that are secrets and where each came from (``{"env": NAME}`` or
    ``{"file": PATH}``): the guardian keeps the reference on disk, never the secret.
    """

    kind: str
    settings: Json
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """As a JSON object, secrets included: for the socket alone."""
        return {
            "kind": self.kind,
            "settings": dict(self.settings),
            "secrets": {name: dict(where) for name, where in self.secrets.items()},
        }

    def without_secrets(self) -> InstrumentPlan:
        """The same with every secret taken out, fit to be stored."""
        kept = {name: value for name, value in self.settings.items() if name not in self.secrets}
        return InstrumentPlan(self.kind, kept, self.secrets)

    @classmethod
    def from_json(cls, data: Json) -> InstrumentPlan:
        """The reverse of to_json."""
        secrets = cast(Mapping[str, Mapping[str, str]], data.get("secrets", {}))
        return cls(str(data["kind"]), cast(Json, data["settings"]), secrets)


@dataclass(frozen=True, slots=True)
class EquipmentPlan:
    """All instruments of a rig, by their names in the rig file."""

    rig: str
    instruments: Mapping[str, InstrumentPlan]

    def to_json(self) -> dict[str, object]:
        """As a JSON object, secrets included: for the socket alone."""
        return {
            "rig": self.rig,
            "instruments": {name: plan.to_json() for name, plan in self.instruments.items()},
        }

    def without_secrets(self) -> EquipmentPlan:
        """The same with every secret taken out, fit to be stored."""
        return EquipmentPlan(
            self.rig, {name: plan.without_secrets() for name, plan in self.instruments.items()}
        )

    def only(self, names: frozenset[str]) -> EquipmentPlan:
        """The part with these instruments."""
        return EquipmentPlan(
            self.rig, {name: plan for name, plan in self.instruments.items() if name in names}
        )

    @classmethod
    def from_json(cls, data: Json) -> EquipmentPlan:
        """The reverse of to_json."""
        instruments = cast(Mapping[str, Json], data["instruments"])
        return cls(
            str(data["rig"]), {name: InstrumentPlan.from_json(plan) for name, plan in instruments.items()}
        )


@dataclass(frozen=True, slots=True)
class OutputPlan:
    """The supply output of a slot: what is set, what it is capped by, and when it counts as on.

    ``voltage_v`` and ``current_limit_a`` come from the rig file, ``max_voltage_v`` and
    ``max_current_a`` from the profile's facts: RigError when the former exceed the latter.
    ``tolerance_v``: the output is reported on when the measured voltage is this close to what was set,
    at the latest ``settle_s`` seconds after it was switched on. ``over_voltage_v`` and ``over_current_a``
    None leave the protections as the supply has them. ``closed_when_on`` other than None: no supply but a
    contact of a line board, ``supply`` being the board and ``channel`` the pin; nothing is set or measured.
    """

    supply: str
    channel: int
    voltage_v: float
    current_limit_a: float
    max_voltage_v: float
    max_current_a: float
    over_voltage_v: float | None = None
    tolerance_v: float = 0.1
    settle_s: float = 2.0
    closed_when_on: bool | None = None
    over_current_a: float | None = None

    def __post_init__(self) -> None:
        for name in (
            "voltage_v",
            "current_limit_a",
            "max_voltage_v",
            "max_current_a",
            "tolerance_v",
            "settle_s",
        ):
            value = getattr(self, name)
            if not math.isfinite(value) or value <= 0:
                raise RigError(
                    f"output {self.supply}:{self.channel}: {name} is {value}", remedy="give a value above 0"
                )
        self.check_voltage(self.voltage_v)
        if self.current_limit_a > self.max_current_a:
            raise RigError(
                f"output {self.supply}:{self.channel}: current limit {self.current_limit_a:g} A is above "
                f"{self.max_current_a:g} A, the most for this module",
                remedy="lower it in the rig file",
            )

    def check_voltage(self, volts: float) -> None:
        """RigError when ``volts`` must not be set on this output."""
        if not math.isfinite(volts) or volts <= 0:
            raise RigError(
                f"output {self.supply}:{self.channel}: {volts} V cannot be set", remedy="give a value above 0"
            )
        if volts > self.max_voltage_v:
            raise RigError(
                f"output {self.supply}:{self.channel}: {volts:g} V is above {self.max_voltage_v:g} V, "
                f"the most for this module",
                remedy="lower it in the rig file",
            )

    def to_json(self) -> dict[str, object]:
        """As a JSON object."""
        return {
            name: getattr(self, name)
            for name in (
                "supply",
                "channel",
                "voltage_v",
                "current_limit_a",
                "max_voltage_v",
                "max_current_a",
                "over_voltage_v",
                "tolerance_v",
                "settle_s",
                "closed_when_on",
                "over_current_a",
            )
        }

    @classmethod
    def from_json(cls, data: Json) -> OutputPlan:
        """The reverse of to_json."""
        return cls(**dict(data))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class DrivenLinePlan:
    """A line that the bench drives; ``closed_when_asserted`` is False for a normally closed contact."""

    board: str
    pin: int
    closed_when_asserted: bool = True

    def to_json(self) -> dict[str, object]:
        """As a JSON object."""
        return {"board": self.board, "pin": self.pin, "closed_when_asserted": self.closed_when_asserted}

    @classmethod
    def from_json(cls, data: Json) -> DrivenLinePlan:
        """The reverse of to_json."""
        return cls(str(data["board"]), cast(int, data["pin"]), bool(data["closed_when_asserted"]))


@dataclass(frozen=True, slots=True)
class ReadLinePlan:
    """A line that the bench reads; ``high_when_asserted`` is the level while the line is asserted."""

    board: str
    input: int
    high_when_asserted: bool = True

    def to_json(self) -> dict[str, object]:
        """As a JSON object."""
        return {"board": self.board, "input": self.input, "high_when_asserted": self.high_when_asserted}

    @classmethod
    def from_json(cls, data: Json) -> ReadLinePlan:
        """The reverse of to_json."""
        return cls(str(data["board"]), cast(int, data["input"]), bool(data["high_when_asserted"]))


@dataclass(frozen=True, slots=True)
class SlotPlan:
    """What one slot uses.

    ``output`` None: nothing here switches the module's supply. ``ports`` are further things that only
    one run may use at a time, as locked for all users of the host while the slot is leased: the
    real path of a device, a port's URL, ``usb:<real path of the sysfs root>:<location>``.
    ``shared`` are instruments that other slots use as well (attenuators of its far side).
    ``release_order`` names driven lines; those it omits follow in the order of ``driven``.
    """

    name: str
    output: OutputPlan | None = None
    driven: Mapping[str, DrivenLinePlan] = field(default_factory=dict)
    read: Mapping[str, ReadLinePlan] = field(default_factory=dict)
    ports: tuple[str, ...] = ()
    release_order: tuple[str, ...] = RELEASE_ORDER
    shared: tuple[str, ...] = ()

    def releases(self) -> tuple[str, ...]:
        """The driven lines in the order in which they are released."""
        first = [name for name in self.release_order if name in self.driven]
        return tuple(first + [name for name in self.driven if name not in first])

    def instruments(self) -> frozenset[str]:
        """The names of the instruments that this slot uses."""
        boards = {line.board for line in self.driven.values()} | {line.board for line in self.read.values()}
        return frozenset({*boards, *self.shared, *([self.output.supply] if self.output else [])})

    def to_json(self) -> dict[str, object]:
        """As a JSON object."""
        return {
            "name": self.name,
            "output": self.output.to_json() if self.output else None,
            "driven": {name: line.to_json() for name, line in self.driven.items()},
            "read": {name: line.to_json() for name, line in self.read.items()},
            "ports": list(self.ports),
            "release_order": list(self.release_order),
            "shared": list(self.shared),
        }

    @classmethod
    def from_json(cls, data: Json) -> SlotPlan:
        """The reverse of to_json."""
        output = cast("Json | None", data["output"])
        driven = cast(Mapping[str, Json], data["driven"])
        read = cast(Mapping[str, Json], data["read"])
        return cls(
            name=str(data["name"]),
            output=OutputPlan.from_json(output) if output else None,
            driven={name: DrivenLinePlan.from_json(line) for name, line in driven.items()},
            read={name: ReadLinePlan.from_json(line) for name, line in read.items()},
            ports=tuple(cast(list[str], data["ports"])),
            release_order=tuple(cast(list[str], data["release_order"])),
            shared=tuple(cast(list[str], data.get("shared", []))),
        )
