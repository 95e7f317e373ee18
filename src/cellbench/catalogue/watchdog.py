"""The full-stack watchdog of LENA-R8 guide 8.2 (Table 21) as rungs of a ladder, by series, and the causes of
the network that no reset cures."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .model import Series, Source
from .modules.model import Known
from .sources import r6_app_note, r8_guide, standard, ubxlib


class Symptom(enum.Enum):
    """What is wrong, as far as the host can see; in the order from the application down to the module."""

    NO_DATA = "no data goes out or comes in"
    NO_ADDRESS = "the context has no address, or the dial fails"
    NO_BEARER = "registered, and the initial context has no address"
    NOT_REGISTERED = "not registered, though a cell is heard"
    NO_CELL = "not registered, and no cell is heard"
    NO_ANSWER = "no answer to AT"


class Level(enum.Enum):
    """The levels of Table 21, the mildest first."""

    SOCKET = "socket"
    DIAL_UP = "dial-up"
    CONTEXT = "context"
    ATTACH = "attach"
    REGISTRATION = "network registration"
    RADIO = "RF"
    FIRMWARE = "module firmware"
    AT = "AT interface"


class Deed(enum.Enum):
    """The distinct countermeasures: three levels share one."""

    REOPEN = "close and open the socket"
    REDIAL = "hang up and dial"
    REACTIVATE = "deactivate and activate the context"
    REATTACH = "radio off and on"
    REBOOT = "restart by command"
    SWITCH_OFF = "hardware off and on"


RESETS = frozenset({Deed.REATTACH, Deed.REBOOT, Deed.SWITCH_OFF})
"""What makes the module register anew: asked of the attach budget, and of the network's last cause."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One level: the symptoms that it is entered by, its countermeasure, and the level that is tried next.

    ``lines`` are AT commands in order; {cid}, {protocol}, {socket}, {host}, {port} stand for the
    application's own. Empty where it is done by the hardware.
    """

    level: Level
    signs: frozenset[Symptom]
    deed: Deed
    lines: tuple[str, ...]
    then: Level | None
    source: Source


_TABLE = "8.2, Table 21"
_NOTE = "full-stack watchdog"
_FLIP = ("AT+CFUN=0", "AT+CFUN=1")


def _rungs(restart: str, where: Mapping[Level, Source]) -> tuple[Rung, ...]:
    def rung(level: Level, sign: Symptom, deed: Deed, lines: tuple[str, ...], then: Level | None) -> Rung:
        return Rung(level, frozenset({sign}), deed, lines, then, where.get(level, r8_guide(_TABLE)))

    return (
        rung(Level.SOCKET, Symptom.NO_DATA, Deed.REOPEN,
             ("AT+USOCL={socket}", "AT+USOCR={protocol}", 'AT+USOCO={socket},"{host}",{port}'),
             Level.CONTEXT),
        rung(Level.DIAL_UP, Symptom.NO_DATA, Deed.REDIAL, ("+++", "ATD*99***{cid}#"), Level.CONTEXT),
        rung(Level.CONTEXT, Symptom.NO_ADDRESS, Deed.REACTIVATE, ("AT+CGACT=0,{cid}", "AT+CGACT=1,{cid}"),
             Level.ATTACH),
        rung(Level.ATTACH, Symptom.NO_BEARER, Deed.REATTACH, _FLIP, Level.REGISTRATION),
        rung(Level.REGISTRATION, Symptom.NOT_REGISTERED, Deed.REATTACH, _FLIP, Level.RADIO),
        rung(Level.RADIO, Symptom.NO_CELL, Deed.REATTACH, _FLIP, Level.FIRMWARE),
        Rung(Level.FIRMWARE, frozenset(), Deed.REBOOT, (f"AT{restart}",), Level.AT,
             where.get(Level.FIRMWARE, r8_guide(_TABLE))),
        rung(Level.AT, Symptom.NO_ANSWER, Deed.SWITCH_OFF, (), None),
    )


LADDERS: Mapping[Series, tuple[Rung, ...]] = MappingProxyType({
    Series.LENA_R8: _rungs("+CFUN=16", {}),
    Series.LARA_R6: _rungs("+CFUN=15", {level: r6_app_note(_NOTE) for level in Level}),
})
"""The rungs of each series, the mildest first. LARA-R6 restarts without its SIM (15), LENA-R8 knows 16."""


def ladder_for(series: Series) -> tuple[Rung, ...]:
    """The rungs of a series, the mildest first."""
    return LADDERS[series]


REGISTRATIONS_AN_HOUR: Known[int] = Known(20, r6_app_note("registrations and power cycles together"))
"""More than this is unfriendly to the network."""
BETWEEN_FLIPS_S: Known[float] = Known(1.0, ubxlib("u_cell_private.h: at least 1 s between two +CFUN"))
RESTORES_S: Known[float] = Known(15.0, r6_app_note("a restore of the file system delays AT by up to 15 s"))
"""A module that is silent after a start may be restoring its file system."""


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause of the network that the host should act on by itself, and not by resets."""

    text: str
    remedy: str
    source: Source


_SUBSCRIPTION = "look at the subscription and at what the operator allows this device"
_PLACE = "look at roaming rights and at the network that serves this place"
_EMM = standard("3GPP TS 24.301 5.5.1.2.5, 9.9.3.9")
_ESM = standard("3GPP TS 24.301 6.5.1.4, 9.9.4.4")

REFUSALS: Mapping[int, Cause] = MappingProxyType({
    2: Cause("IMSI unknown in HSS", _SUBSCRIPTION, _EMM),
    3: Cause("illegal UE", _SUBSCRIPTION, _EMM),
    5: Cause("IMEI not accepted", _SUBSCRIPTION, _EMM),
    6: Cause("illegal ME", _SUBSCRIPTION, _EMM),
    7: Cause("EPS services not allowed", _SUBSCRIPTION, _EMM),
    8: Cause("EPS services and non-EPS services not allowed", _SUBSCRIPTION, _EMM),
    11: Cause("PLMN not allowed", _PLACE, _EMM),
    12: Cause("tracking area not allowed", _PLACE, _EMM),
    13: Cause("roaming not allowed in this tracking area", _PLACE, _EMM),
    14: Cause("EPS services not allowed in this PLMN", _PLACE, _EMM),
    15: Cause("no suitable cells in tracking area", "the SIM may have no LTE: look at its subscription",
              r8_guide("10.1.3: reject cause 15")),
    19: Cause("ESM failure", "look at the APN of the initial context", r8_guide("10.1.3: reject cause 19")),
    25: Cause("not authorized for this CSG", _PLACE, _EMM),
    35: Cause("requested service option not authorized in this PLMN", _SUBSCRIPTION, _EMM),
})
"""Reject causes of a registration that stay until somebody changes subscription, place or setup."""

ACTIVATION_REFUSALS: Mapping[int, Cause] = MappingProxyType({
    8: Cause("operator determined barring", _SUBSCRIPTION, _ESM),
    27: Cause("missing or unknown APN", "look at the APN of the context", _ESM),
    28: Cause("unknown PDN type", "look at the IP type of the context", _ESM),
    29: Cause("user authentication failed", "look at user and password of the APN", _ESM),
    32: Cause("service option not supported", _SUBSCRIPTION, _ESM),
    33: Cause("requested service option not subscribed", _SUBSCRIPTION, _ESM),
    50: Cause("PDN type IPv4 only allowed", "look at the IP type of the context", _ESM),
    51: Cause("PDN type IPv6 only allowed", "look at the IP type of the context", _ESM),
})
"""Causes of a refused activation that stay until somebody changes subscription or setup."""

BUSY_NETWORK: Mapping[int, Source] = MappingProxyType(dict.fromkeys((17, 22, 42), _EMM))
"""Network failure, congestion, severe network failure: they pass, and a reset makes them worse."""
