"""Control verbs of calls and messages: what strangers and the network do to a module's telephone."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from cellbench.virtual.control.verbs import Answer, ControlRefusal, Verb, only, want, want_int
from cellbench.virtual.device.telephony.calls import Calls
from cellbench.virtual.net.telephone.centre import CentreState
from cellbench.virtual.net.telephone.fields import Address, Malformed
from cellbench.virtual.net.telephone.network import NORMAL, Outside, written

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module
    from cellbench.virtual.rack import Rack, VirtualSlot

Values = Mapping[str, str]
_HIDDEN = ("withheld", "hidden")
_CALLER = _SENDER = "+390402529400"  # LENA-R8 guide Table 18
_WHY = MappingProxyType({
    17: "the module is in a call", 20: "the module is not registered, or nothing carries a call there",
    88: "the variant has no voice"})


def _module(slot: VirtualSlot | None) -> Module:
    if slot is None:
        raise ControlRefusal("this verb needs --slot")
    return slot.module


def _number(values: Values, key: str) -> str:
    text = want(values, key)
    body = text.removeprefix("+")
    if not body.isascii() or not body.isdigit() or not 3 <= len(body) <= 15:
        raise ControlRefusal(f"{key}={text} is no telephone number of 3 to 15 digits")
    return text


async def _call(rack: Rack, slot: VirtualSlot | None, values: Values) -> Answer:
    del rack
    only(values, "number", "end", "strangers")
    module = _module(slot)
    if len(values) > 1:
        raise ControlRefusal("one key at a time: number=N, end=1, or strangers=...")
    if "strangers" in values:
        kinds = {one.value: one for one in Outside}
        module.subscriber.outside = kinds[want(values, "strangers", *kinds)]
    elif "end" in values:
        _hang_up(module)
    else:
        asked = {"number": _CALLER, **values}
        number = None if asked["number"] in _HIDDEN else written(_number(asked, "number"))
        cause = module.subscriber.network.call_in(module.subscriber, number)
        if cause is not None:
            raise ControlRefusal(f"the call does not come through: {_WHY.get(cause, f'cause {cause}')}")
    return None


def _hang_up(module: Module) -> None:
    calls = module.running(Calls)
    links = [call.link for call in calls.all if call.link is not None] if calls is not None else []
    if not links:
        raise ControlRefusal("there is no call that the far side could end")
    for link in links:
        link.release(NORMAL)


async def _sms(rack: Rack, slot: VirtualSlot | None, values: Values) -> Answer:
    del rack
    only(values, "from", "text", "hex", "class", "centre", "refuse")
    module = _module(slot)
    centre = module.subscriber.network.centre
    if "centre" in values:
        only(values, "centre")
        states = {one.value: one for one in CentreState}
        centre.state = states[want(values, "centre", *states)]
        return None
    if "refuse" in values:
        only(values, "refuse")
        centre.refusal = None if values["refuse"] == "none" else want_int(values, "refuse", 1, 255)
        return None
    if not module.subscriber.number:
        raise ControlRefusal("the module has no SIM, so it has no number")
    return _incoming(module, values)


def _incoming(module: Module, values: Values) -> Answer:
    sender = Address.of(values.get("from", _SENDER))
    number_class = want_int(values, "class", 0, 3) if "class" in values else None
    try:
        data = bytes.fromhex(values["hex"]) if "hex" in values else None
        if data is None:
            want(values, "text")
        count = module.subscriber.network.centre.send(
            module.subscriber, sender, values.get("text", ""), number_class=number_class, data=data,
            quarters=module.network.quarters)
    except (Malformed, ValueError) as error:
        raise ControlRefusal(f"that message cannot be sent: {error}") from None
    waiting = module.subscriber.network.centre.waiting(module.subscriber.number)
    return {"messages": str(count), "waiting": str(waiting)}


async def _report(rack: Rack, slot: VirtualSlot | None, values: Values) -> Answer:
    """The subscriber's number, its calls, and the last message that it sent."""
    del rack
    only(values, "what")
    module = _module(slot)
    subscriber = module.subscriber
    calls = module.running(Calls)
    found = {"number": f"+{subscriber.number}" if subscriber.number else "",
             "waiting": str(subscriber.network.centre.waiting(subscriber.number)),
             "data": "held" if module.network.data_held else "passes",
             "calls": ",".join(call.state.name.lower() for call in calls.all) if calls is not None else "",
             "carried_by": ",".join(call.domain.value for call in calls.all) if calls is not None else ""}
    sent = [one for one in subscriber.network.centre.sent if one.sender == subscriber.number]
    found["sent"] = str(len(sent))
    if sent:
        last = sent[-1]
        found |= {"to": f"+{last.to}", "alphabet": last.submit.coding.alphabet.value,
                  "dcs": str(last.submit.dcs), "first": str(last.submit.first),
                  "data_hex": last.submit.data.octets.hex().upper()}
        if last.text is not None:
            found["text_hex"] = last.text.encode().hex()
            if last.text.isprintable():
                found["text"] = last.text
    return found


VERBS: Mapping[str, Verb] = MappingProxyType({
    "call": Verb("[number=N|withheld], end=1, or strangers=answers|rings|busy|rejects|unassigned: a voice "
                 "call comes in, the far side hangs up, or what a call to a number outside the rack meets",
                 True, _call),
    "sms": Verb("[from=N] text=T|hex=OCTETS [class=0..3]: a short message comes in; or centre=up|silent, "
                "refuse=CAUSE|none: the service centre, for all modules", True, _sms),
})
REPORTS: Mapping[str, Verb] = MappingProxyType({
    "telephone": Verb("the module's own number, its calls, what carries them, whether user data is held, "
                      "messages that wait for it, and the last one that it sent (text_hex: UTF-8)", True,
                      _report),
})
