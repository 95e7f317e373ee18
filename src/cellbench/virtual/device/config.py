"""What a virtual module is told at its making: identity, pace, SIM, network, and doubtful facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cellbench.catalogue.modules.model import ModuleProfile
from cellbench.virtual.device.behaviour import Behaviour, behaviour_for
from cellbench.virtual.device.pace import Timing
from cellbench.virtual.front.firmware_edits import FirmwareEdits
from cellbench.virtual.uicc.build import profile_named
from cellbench.virtual.uicc.files import CURRENT_APPLICATION
from cellbench.virtual.uicc.profile import CardProfile, FileChange

__all__ = ["Behaviour", "ModuleConfig", "NetworkFacts", "SimFacts", "Timing", "config_for"]


@dataclass(frozen=True, slots=True)
class SimFacts:
    """The card in the slot."""

    profile: CardProfile = field(default_factory=CardProfile)
    present: bool = True


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """The operator the SIM lives in."""

    plmn: str = "22288"
    long_name: str = "I WIND"
    short_name: str = "WIND"
    default_apn: str = ""
    apns: tuple[str, ...] = ()  # empty: every APN is known
    neighbours: tuple[tuple[str, str, str], ...] = ()  # plmn, long, short; forbidden ones of +COPS=?
    dns: tuple[str, ...] = ("10.80.0.53", "10.80.0.54")


@dataclass(frozen=True, slots=True)
class ModuleConfig:
    """Everything about one virtual module that is not its profile."""

    model: str
    firmware: str
    imei: str
    timing: Timing = Timing.FAST
    behaviour: Behaviour = field(kw_only=True)
    sim: SimFacts = field(default_factory=SimFacts)
    network: NetworkFacts = field(default_factory=NetworkFacts)
    edits: FirmwareEdits = field(default_factory=FirmwareEdits)
    """What its firmware does otherwise than the catalogue has it."""


_OPERATORS = {"22288": ("I WIND", "WIND"), "22201": ("I TIM", "TIM")}
_IMSI, _IN_MASTER = 28423, 0x2F


def config_for(profile: ModuleProfile, world: Mapping[str, Any], *, timing: Timing = Timing.FAST,
               index: int = 0, behaviour: Mapping[str, object] | None = None) -> ModuleConfig:
    """The configuration of a virtual module in a world (the parsed world file).

    ``index`` tells modules of one series apart: the first has the world's own IMEI and SIM, each
    further one numbers counted up from them. ``behaviour`` changes doubtful facts by name. Raises
    OperatorError for a card's profile that cannot be used.
    """
    facts = behaviour_for(profile.series, behaviour)
    key = profile.series.value.partition("-")[2]  # R8, R6: the keys of the world file
    module = world["module"][key]
    model = str(module.get("model", profile.variant))
    if not model.startswith(profile.variant):
        model = profile.ordering_codes[0] if profile.ordering_codes else profile.variant
    return ModuleConfig(
        model=model,
        firmware=str(module.get("firmware", profile.factory.get("firmware", "02.14,A00.01"))),
        imei=_counted_imei(str(_first(module["imei"])), index),
        timing=timing,
        behaviour=facts,
        sim=SimFacts(world_card(world["sim"], key, index) if facts.sim_card == "world"
                     else profile_named(facts.sim_card)),
        network=_network(world["network"], key),
    )


def _first(value: object) -> object:
    return value[0] if isinstance(value, Sequence) and not isinstance(value, str) else value


def luhn_digit(digits: str) -> str:
    """The check digit of an IMEI (3GPP TS 23.003 annex B) or ICCID (ITU-T E.118)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def _counted_imei(imei: str, index: int) -> str:
    if index == 0:
        return imei
    body = f"{int(imei[:14]) + index:014d}"
    return body + luhn_digit(body)


def _counted_iccid(iccid: str, index: int) -> str:
    if index == 0:
        return iccid
    body = f"{int(iccid[:18]) + index:018d}"
    return body + luhn_digit(body) + iccid[19:]


def world_card(world: Mapping[str, Any], key: str, index: int = 0) -> CardProfile:
    """The world's card (``sim`` of its file); its files stand in the USIM, 2Fxx in the MF. Its number is the
    slot's alone, although the first cards of both series have the one IMSI that the guides print."""
    imsi = f"{int(str(_first(world['imsi']))) + index:015d}"
    files = []
    for number, facts in world.get("ef", {}).items():
        if number == _IMSI or "hex" not in facts:
            continue
        path = (int(number),) if int(number) >> 8 == _IN_MASTER else (CURRENT_APPLICATION, int(number))
        files.append(FileChange(path, bytes.fromhex(str(facts["hex"]))))
    pin = world.get("pin")
    enabled = pin not in (None, "none")
    return CardProfile(
        imsi=imsi, iccid=_counted_iccid(str(_first(world["iccid"])), index), pin_enabled=enabled,
        pin=str(pin) if enabled else CardProfile().pin, channels=int(world.get("logical_channels", 3)),
        numbers=(("", f"+393{key[-1]}{imsi[-8:]}"),), files=tuple(files))


def _network(world: Mapping[str, Any], key: str) -> NetworkFacts:
    mine = world[key]
    # one home network for both series, so that the SIM is at home in it under whichever name a guide prints
    operators = (mine, *(one for one in world.values() if isinstance(one, Mapping)))
    plmn = str(next(one["plmn"] for one in operators if "plmn" in one))
    known_long, short = _OPERATORS.get(plmn, (plmn, plmn))
    long_name = str(mine.get("operator", known_long))
    if long_name != known_long:
        short = long_name.removeprefix("I ")
    apns = [str(apn) for one in ("R8", "R6") for apn in world.get(one, {}).get("apns", ())]
    apns += map(str, world.get("apns", ()))
    default = str(mine.get("default_apn", ""))
    others = tuple((number, *names) for number, names in _OPERATORS.items()
                   if number != plmn and names[0] != long_name)
    return NetworkFacts(plmn=plmn, long_name=long_name, short_name=short, default_apn=default,
                        apns=tuple(dict.fromkeys([*apns, *([default] if default else [])])),
                        neighbours=others)
