"""What the control room can do to a module and the network around it, and what it can ask of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from cellbench.virtual.control.verbs import Answer, ControlRefusal, Verb, only, want, want_int
from cellbench.virtual.device import mux_verbs, sim_verbs, stuck_verbs, update_verbs
from cellbench.virtual.device.dialup import DialUps
from cellbench.virtual.device.network import Change, Rat
from cellbench.virtual.device.power import PowerState
from cellbench.virtual.device.telephony import verbs as telephony_verbs

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module
    from cellbench.virtual.rack import Rack, VirtualSlot

Values = Mapping[str, str]
_NETWORK_KEYS = ("state", "reject", "rat", "cell", "deact", "tz", "signal", "rrc", "ims", "pdp", "plmn",
                 "beside")


def _module(slot: VirtualSlot | None) -> Module:
    if slot is None:
        raise ControlRefusal("this verb needs --slot")
    return slot.module


async def _network(rack: Rack, slot: VirtualSlot | None, values: Values) -> Answer:
    del rack
    only(values, *_NETWORK_KEYS, "dst")
    keys = [key for key in values if key != "dst"]
    if len(keys) != 1:
        raise ControlRefusal(f"one key at a time: {', '.join(_NETWORK_KEYS)} (dst goes with tz)")
    if "dst" in values and keys != ["tz"]:
        raise ControlRefusal("dst goes with tz")
    _NETWORK_ACTIONS[keys[0]](_module(slot), values)
    return None


def _coverage(module: Module, values: Values) -> None:
    module.network.found = want(values, "state", "lost", "found") == "found"
    if module.network.found:
        module.network.reject = None
    module.network.tell(Change.COVERAGE)


def _reject(module: Module, values: Values) -> None:
    if values["reject"] in ("none", "off"):
        module.network.reject = None
    else:
        module.network.reject = want_int(values, "reject", 1, 255)
    module.network.tell(Change.REJECT)


def _rat(module: Module, values: Values) -> None:
    names = {one.value: one for one in Rat}
    module.network.rat = names[want(values, "rat", *names)]
    module.network.tell(Change.RAT)


def _cell(module: Module, values: Values) -> None:
    want(values, "cell", "new")
    module.network.cell += 1
    module.network.area = module.network.area % 0xFFFE + 1
    module.network.tell(Change.CELL)


def _deact(module: Module, values: Values) -> None:
    cid = want_int(values, "deact", 0, 11)
    initial = cid == module.contexts.initial_cid and module.network.rat is Rat.LTE
    if not module.contexts.network_deactivates(cid):
        raise ControlRefusal(f"context {cid} is not active")
    if initial:
        module.radio.start()  # without its first bearer an LTE device has to attach anew


def _time_zone(module: Module, values: Values) -> None:
    module.network.quarters = want_int(values, "tz", -48, 56)
    module.network.dst = want_int(values, "dst", 0, 2, module.network.dst)
    module.network.tell(Change.TIME)


def _signal(module: Module, values: Values) -> None:
    module.network.signal = want_int(values, "signal", 0, 5)
    module.network.tell(Change.SIGNAL)


def _rrc(module: Module, values: Values) -> None:
    connected = want(values, "rrc", "idle", "connected") == "connected"
    module.radio.set_rrc(connected)


def _ims(module: Module, values: Values) -> None:
    module.network.ims = want(values, "ims", "on", "off") == "on"
    module.network.tell(Change.IMS)


def _pdp(module: Module, values: Values) -> None:
    module.network.pdp_type = want(values, "pdp", "ip", "ipv6", "ipv4v6").upper()


def _code(values: Values, key: str) -> str:
    if not re.fullmatch(r"[0-9]{5,6}", values[key]):
        raise ControlRefusal(f"{key} is the five or six digits of a network")
    return values[key]


def _plmn(module: Module, values: Values) -> None:
    module.network.enter(module.network.home.plmn if values["plmn"] == "home" else _code(values, "plmn"))


def _beside(module: Module, values: Values) -> None:
    module.network.beside = "" if values["beside"] == "none" else _code(values, "beside")


_NETWORK_ACTIONS = MappingProxyType({
    "state": _coverage, "reject": _reject, "rat": _rat, "cell": _cell, "deact": _deact, "tz": _time_zone,
    "signal": _signal, "rrc": _rrc, "ims": _ims, "pdp": _pdp, "plmn": _plmn, "beside": _beside})


async def _link(rack: Rack, slot: VirtualSlot | None, values: Values) -> Answer:
    only(values, "state")
    module = _module(slot)
    module.network.link_ok = want(values, "state", "ok", "blocked") == "ok"
    rack.internet.node(module.name).set_blocked(not module.network.passes)
    module.network.tell(Change.LINK)
    return None


async def _hang(rack: Rack, slot: VirtualSlot | None, values: Values) -> Answer:
    del rack
    only(values, "state")
    _module(slot).hang(want(values, "state", "on", "off") == "on")
    return None


async def _slow(rack: Rack, slot: VirtualSlot | None, values: Values) -> Answer:
    del rack
    only(values, "state", "ms")
    module = _module(slot)
    module.slow_answers = want(values, "state", "on", "off") == "on"
    module.slow_s = want_int(values, "ms", 1, 600_000) / 1000 if "ms" in values else None
    return None


async def _reset(rack: Rack, slot: VirtualSlot | None, values: Values) -> Answer:
    """An unexpected reset, as a watchdog does it."""
    del rack
    only(values)
    module = _module(slot)
    if module.power.state not in (PowerState.RUNNING, PowerState.BOOTING):
        raise ControlRefusal("the module is not on")
    module.power.watchdog()
    return None


async def _report_power(rack: Rack, slot: VirtualSlot | None, values: Values) -> Answer:
    del rack
    only(values, "what")
    module = _module(slot)
    return {"state": "idle" if module.sleep.asleep(module.pace.now()) else "active"}


async def _report_auth(rack: Rack, slot: VirtualSlot | None, values: Values) -> Answer:
    """What the network was told; without cid that of the last activation that carried any."""
    del rack
    only(values, "what", "cid")
    module = _module(slot)
    seen = module.contexts.credentials
    cid = want_int(values, "cid", 0, 11, max(seen, default=module.contexts.initial_cid))
    if cid not in seen:
        raise ControlRefusal(f"context {cid} has not been activated yet")
    _, user, password = seen[cid]
    return {"user": user, "password": password}


async def _report_firmware(rack: Rack, slot: VirtualSlot | None, values: Values) -> Answer:
    del rack
    only(values, "what")
    module = _module(slot)
    updating = module.power.state in (PowerState.DOWNLOAD, PowerState.UPDATE)
    return {"version": module.updater.version, "state": "update" if updating else "normal"}


async def _report_ppp(rack: Rack, slot: VirtualSlot | None, values: Values) -> Answer:
    del rack
    only(values, "what", "cid")
    module = _module(slot)
    dialled = module.running(DialUps)
    calls = {call.cid: call for call in dialled.calls} if dialled is not None else {}
    found = {"links": ",".join(str(cid) for cid in calls)}
    if "cid" in values:
        cid = want_int(values, "cid", 0, 255)
        if cid not in calls:
            raise ControlRefusal(f"no PPP link on context {cid}")
        found.update(calls[cid].report())
    return found


async def _report_network(rack: Rack, slot: VirtualSlot | None, values: Values) -> Answer:
    del rack
    only(values, "what")
    network = _module(slot).network
    return {"plmn": network.facts.plmn, "rat": network.rat.value, "requests": str(network.requests)}


async def _report_module(rack: Rack, slot: VirtualSlot | None, values: Values) -> Answer:
    del rack
    only(values, "what")
    module = _module(slot)
    return {"power": module.power.state.value, "radio": module.radio.state.value,
            "rat": module.radio.rat.value,
            "boots": str(module.power.boots), "current_a": f"{module.current_a():.6f}",
            "contexts": ",".join(str(one.cid) for one in module.contexts.active())}


VERBS: Mapping[str, Verb] = MappingProxyType({
    **sim_verbs.VERBS,
    **mux_verbs.VERBS,
    **update_verbs.VERBS,
    **stuck_verbs.VERBS,
    **telephony_verbs.VERBS,
    "network": Verb("state=lost|found, reject=CAUSE|none, rat=lte|2g|3g, cell=new, deact=CID, "
                    "tz=+QQ [dst=D], signal=0..5, rrc=idle|connected, ims=on|off, pdp=ip|ipv6|ipv4v6, "
                    "plmn=NNNNN|home: another network serves the place, beside=NNNNN|none: one that can be "
                    "received, too: "
                    "one at a time, the network around the module", True, _network),
    "link": Verb("state=ok|blocked: user data passes or stands still, connections stay", True, _link),
    "hang": Verb("state=on|off: the module takes no command and says nothing, until off or the next boot",
                 True, _hang),
    "slow": Verb("state=on|off [ms=T]: every command takes its full declared response time, or T ms",
                 True, _slow),
    "reset": Verb(": the module restarts by itself, unannounced", True, _reset),
})

REPORTS: Mapping[str, Verb] = MappingProxyType({
    **sim_verbs.REPORTS,
    **mux_verbs.REPORTS,
    **update_verbs.REPORTS,
    **stuck_verbs.REPORTS,
    **telephony_verbs.REPORTS,
    "power": Verb("whether the module sleeps: state=idle|active", True, _report_power),
    "pdp-auth": Verb("[cid=N]: user and password that the network was given", True, _report_auth),
    "ppp": Verb("[cid=N]: contexts of the PPP links; of one its port, phase, networks, the host's address, "
                "frames that came damaged", True, _report_ppp),
    "firmware": Verb("version and state=normal|update", True, _report_firmware),
    "network": Verb("plmn and rat that serve the place, attach requests that the network got", True,
                    _report_network),
    "module": Verb("states inside the module", True, _report_module),
})
