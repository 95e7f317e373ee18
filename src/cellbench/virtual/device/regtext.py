"""How registration is told: +CREG, +CGREG, +CEREG in the forms of each series (27.007 7.2, 10.1.20, 10.1.22).

The forms that differ from the standard are settings of the virtual module (behaviour.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cellbench.virtual.device.network import ACT, RadioState, Rat
from cellbench.virtual.device.telephony.calls import Calls
from cellbench.virtual.device.telephony.messages import Messages

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module
    from cellbench.virtual.device.radio import Radio

CAUSES = {
    2: "IMSI unknown in HSS", 3: "Illegal UE", 6: "Illegal ME", 7: "EPS services not allowed",
    8: "EPS services and non-EPS services not allowed", 11: "PLMN not allowed",
    12: "Tracking area not allowed",
    13: "Roaming not allowed in this tracking area", 14: "EPS services not allowed in this PLMN",
    15: "No suitable cells in tracking area", 17: "Network failure", 19: "ESM failure", 22: "Congestion",
    25: "Not authorized for this CSG", 26: "Insufficient resources", 27: "Missing or unknown APN",
    29: "User authentication failed", 33: "Requested service option not subscribed", 38: "Network failure",
    50: "PDN type IPv4 only allowed", 51: "PDN type IPv6 only allowed",
}
_OFF_TIMER = "00000000"


def _status(radio: Radio, module: Module, name: str) -> int:
    behaviour = module.config.behaviour
    home = 5 if radio.roaming else 1
    lte = radio.rat is Rat.LTE
    registered = {"+CREG": home, "+CGREG": behaviour.greg_on_lte if lte else home,
                  "+CEREG": home if lte else behaviour.ereg_on_legacy}
    return {RadioState.OFF: 0, RadioState.DEREGISTERED: 0, RadioState.SEARCHING: 2, RadioState.DENIED: 3,
            RadioState.LOST: behaviour.lost_stat, RadioState.REGISTERED: registered[name]}[radio.state]


def status(radio: Radio, name: str) -> int:
    """<stat> of one of the three commands now."""
    return _status(radio, radio.module, name)


def _located(radio: Radio, name: str) -> bool:
    """True when area and cell are known to what the command speaks of."""
    return status(radio, name) in (1, 3, 5)


def facts(radio: Radio, name: str, level: int) -> tuple[object, ...]:
    """What a URC of this level would say; a URC is due when it changes."""
    stat = status(radio, name)
    if level < 2 or not _located(radio, name):
        return (stat,)
    network = radio.module.network
    cause = radio.cause if level in (3, 5) else None
    return stat, network.area, network.cell, radio.rat, cause


def _act(radio: Radio) -> int:
    return ACT[radio.rat]


def _place(radio: Radio, *, lower: bool) -> tuple[str, str]:
    """Area and cell as printed: four digits, and eight on LTE and 3G, four on 2G."""
    network = radio.module.network
    area = f"{network.area:04X}"
    cell = f"{network.cell:08X}" if radio.rat is not Rat.GSM else f"{network.cell >> 16:04X}"
    return (area.lower(), cell.lower()) if lower else (area, cell)


def _psm(radio: Radio) -> tuple[str, str] | None:
    """Active time and periodic TAU that the network granted; it grants what is asked."""
    values = radio.module.settings.items("+CPSMS")
    if not values or values[0] != 1 or not radio.registered:
        return None
    tau = str(values[3]) if len(values) > 3 and values[3] else _OFF_TIMER
    active = str(values[4]) if len(values) > 4 and values[4] else _OFF_TIMER
    return active, tau


def _cause(radio: Radio, level: int) -> str | None:
    return f"0,{radio.cause}" if level in (3, 5) and radio.cause is not None else None


def unsolicited(radio: Radio, name: str, level: int) -> list[str]:
    """The URC, or the two of a series that repeats +CREG."""
    behaviour = radio.module.config.behaviour
    stat = status(radio, name)
    short_lte = name == "+CGREG" and not behaviour.act_in_greg
    if level >= 2 and not _located(radio, name) and short_lte and stat == 0:
        return [f'{name}: 0,"0000","0000"']  # seen on LENA-R8 (public driver)
    if level < 2 or not _located(radio, name):
        return [f"{name}: {stat}"]
    area, cell = _place(radio, lower=behaviour.creg_without_n and name != "+CGREG")
    text = f'{name}: {stat},"{area}","{cell}"'
    if name == "+CGREG" and not behaviour.act_in_greg:
        return [f'{name}: {stat},"{area}","{cell[:4]}"']
    text += f",{_act(radio)}"
    cause, psm = _cause(radio, level), _psm(radio) if level >= 4 else None
    if cause is not None:
        text += f",{cause}"
    if psm is not None:
        text += ("" if cause is not None else ",,") + f',"{psm[0]}","{psm[1]}"'
    if name == "+CREG" and behaviour.creg_repeated and radio.rat is Rat.LTE and radio.registered:
        return [text, f'{name}: {stat},"{area.upper()}","{cell[:4].upper()}"']
    return [text]


def read(radio: Radio, name: str, level: int) -> str:
    """The information text response of the read form."""
    behaviour = radio.module.config.behaviour
    stat = status(radio, name)
    head = f"{name}: {stat}" if name == "+CREG" and behaviour.creg_without_n else f"{name}: {level},{stat}"
    if level < 2:
        return head
    if name == "+CEREG" and level >= 4:
        return head + _long_tail(radio, name, level)
    located = _located(radio, name)
    if not located and not behaviour.creg_without_n:
        return head
    lower = behaviour.creg_without_n and name != "+CGREG"
    nowhere = ("0000", "00000000" if name == "+CEREG" else "0000")
    area, cell = _place(radio, lower=lower) if located else nowhere
    act = _act(radio) if located else 0
    if name == "+CGREG" and not behaviour.act_in_greg:
        return f'{head},"{area}","{cell[:4]}"'
    blank = " " if name == "+CEREG" and behaviour.cereg_blank else ""
    cause = _cause(radio, level)
    return f'{head},"{area}","{cell}",{blank}{act}' + ("" if cause is None else f",{cause}")


def _long_tail(radio: Radio, name: str, level: int) -> str:
    """+CEREG? with n=4 or 5: the cause and timer fields."""
    behaviour = radio.module.config.behaviour
    located = _located(radio, name)
    active, tau = _psm(radio) or (_OFF_TIMER, _OFF_TIMER)
    if behaviour.cereg_causes_always:
        area, cell = _place(radio, lower=True) if located else ("0000", "00000000")
        blank = " " if behaviour.cereg_blank else ""
        cause = radio.cause or 0
        return f',"{area}","{cell}",{blank}{_act(radio) if located else 0},0,{cause},"{active}","{tau}"'
    cause_text = _cause(radio, level) or ","
    extra = "," if behaviour.cereg_extra_field else ""
    if not located:
        return f',,{extra},,{cause_text},"{active}","{tau}"'
    area, cell = _place(radio, lower=False)
    return f',"{area}",{extra}"{cell}",{_act(radio)},{cause_text},"{active}","{tau}"'


def cscon(radio: Radio, level: int, *, read: bool) -> str:
    """+CSCON (27.007 7.30): mode, and from n=2 on the state too."""
    mode = int(radio.connected)
    text = f"{level},{mode}" if read else str(mode)
    return f"+CSCON: {text}" + (",7" if level >= 2 and mode else "")


def time_zone(module: Module, level: int) -> str:
    """+CTZV (1) or +CTZE (2) with the local time, 27.007 8.41."""
    zone = f"{module.network.quarters:+03d}"
    if module.config.behaviour.tz_quoted:
        zone = f'"{zone}"'
    if level == 1:
        return f"+CTZV: {zone}"
    return f'+CTZE: {zone},{module.network.dst},"{module.radio.rtc.local():%Y/%m/%d,%H:%M:%S}"'


INDICATORS = (("battchg", 5), ("signal", 5), ("service", 1), ("sounder", 1), ("message", 1), ("call", 1),
              ("roam", 1), ("smsfull", 1), ("gprs", 2), ("callsetup", 3), ("callheld", 1), ("simind", 2))


def indicators(module: Module) -> dict[str, int]:
    """+CIND values by name, in its order (facts sheet 6)."""
    radio = module.radio
    values = dict.fromkeys((name for name, _ in INDICATORS), 0)
    values["battchg"] = 5
    values["signal"] = module.network.signal if radio.registered else 0
    values["service"] = int(radio.registered)
    values["roam"] = int(radio.registered and radio.roaming)
    values["gprs"] = int(any(one.active for one in module.contexts.active()))
    values["simind"] = 1 if module.sim.present else 0
    calls, messages = module.running(Calls), module.running(Messages)
    if calls is not None:
        values["call"], values["callsetup"] = int(calls.active), calls.setup
    if messages is not None:
        values["message"], values["smsfull"] = int(messages.unread), int(messages.full)
    return values
