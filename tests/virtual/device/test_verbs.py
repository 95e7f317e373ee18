"""What the control room can do to a module and its network, in the world file's vocabulary."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from cellbench.virtual.control.verbs import ControlRefusal
from cellbench.virtual.device import verbs
from cellbench.virtual.device.module import Input
from cellbench.virtual.device.network import RadioState
from cellbench.virtual.front.state import OnlineCall


class Slot:
    def __init__(self, module: Any) -> None:
        self.module = module


def act(module: Any, verb: str, **values: str) -> Any:
    found = verbs.REPORTS[values["what"]] if verb == "report" else verbs.VERBS[verb]
    work = found.act(cast(Any, None), cast(Any, Slot(module.module)), values)
    return module.loop.run_until_complete(cast(Any, work))


def test_network_keys(module: Any) -> None:
    act(module, "network", state="lost")
    assert module.module.radio.state is RadioState.LOST
    act(module, "network", state="found")
    module.until(lambda: module.module.radio.registered, 60)
    act(module, "network", reject="15")
    module.until(lambda: module.module.radio.state is RadioState.DENIED, 60)
    act(module, "network", reject="none")
    module.until(lambda: module.module.radio.registered, 60)
    act(module, "network", signal="1")
    assert module.at("AT+CSQ") == ["+CSQ: 4,99", "OK"]
    act(module, "network", tz="+08", dst="1")
    assert module.at("AT+CCLK?")[0].endswith('+08"')
    before = module.module.network.cell
    act(module, "network", cell="new")
    assert module.module.network.cell != before
    act(module, "network", rat="2g")
    assert module.at("AT+COPS?")[0].endswith(",0")
    act(module, "network", rat="lte")
    module.at("AT+CSCON=1")
    act(module, "network", rrc="idle")
    assert module.at("AT+CSCON?")[0] == "+CSCON: 1,0"
    act(module, "network", rrc="connected")
    assert module.module.radio.connected
    act(module, "network", ims="on")
    assert any(one.cid == 11 for one in module.module.contexts.active())
    act(module, "network", ims="off")
    act(module, "network", pdp="ipv6")
    assert module.module.network.pdp_type == "IPV6"


def test_the_network_closes_a_context(module: Any) -> None:
    module.at('AT+CGDCONT=2,"IP","internet.wind"')
    module.at("AT+CGACT=1,2")
    module.at("AT+CGEREP=2,1")
    act(module, "network", deact="2")
    assert module.lines() == ["+CGEV: NW PDN DEACT 2"]
    with pytest.raises(ControlRefusal, match="not active"):
        act(module, "network", deact="2")


def test_another_network(module: Any) -> None:
    home = act(module, "report", what="network")["plmn"]
    act(module, "network", beside=home)
    act(module, "network", plmn="20801")
    module.until(lambda: module.module.radio.registered, 60)
    told = act(module, "report", what="network")
    assert (told["plmn"], told["rat"], told["requests"]) == ("20801", "lte", "2")
    act(module, "network", beside="none")
    act(module, "network", plmn="home")
    module.until(lambda: module.module.radio.registered, 60)
    assert act(module, "report", what="network")["plmn"] == home


def test_without_its_first_bearer_the_module_attaches_anew(module: Any) -> None:
    initial = module.module.contexts.initial_cid
    act(module, "network", deact=str(initial))
    assert not module.module.radio.registered
    module.until(lambda: module.module.radio.registered, 60)
    assert module.module.contexts.get(initial).active


@pytest.mark.parametrize("values", [
    {}, {"state": "lost", "signal": "1"}, {"state": "gone"}, {"dst": "1"}, {"reject": "x"}, {"colour": "red"},
    {"signal": "9"}, {"rat": "5g"}, {"signal": "1", "dst": "0"}, {"plmn": "2088"}, {"beside": "abroad"}])
def test_what_cannot_be_is_said(module: Any, values: dict[str, str]) -> None:
    with pytest.raises(ControlRefusal) as refusal:
        act(module, "network", **values)
    assert str(refusal.value)


def test_a_verb_for_one_slot_wants_it() -> None:
    with pytest.raises(ControlRefusal, match="--slot"):
        asyncio.run(cast(Any, verbs.VERBS["link"].act(cast(Any, None), None, {"state": "ok"})))


def test_faults(module: Any) -> None:
    act(module, "hang", state="on")
    module.send(b"AT\r")
    module.run(5)
    assert module.lines() == []
    act(module, "hang", state="off")
    assert module.at("AT") == ["OK"]
    act(module, "slow", state="on", ms="3000")
    start = module.loop.time()
    assert module.at("AT+GMI") == ["u-blox", "OK"]
    assert module.loop.time() - start > 2.9
    act(module, "slow", state="off")
    act(module, "sim", state="out")
    assert module.at("AT+CPIN?") == ["ERROR"]
    act(module, "sim", state="in")
    act(module, "reset")
    module.until(lambda: module.module.power.boots == 2 and module.module.power.running, 40)
    with pytest.raises(ControlRefusal, match="not registered"):
        act(module, "call", number="+39012")


def test_reports(module: Any) -> None:
    assert act(module, "report", what="power") == {"state": "active"}
    module.at("AT+UPSV=3")
    module.run(60)
    module.module.set_input(Input.DTR, False)
    assert act(module, "report", what="power") == {"state": "idle"}
    module.module.set_input(Input.DTR, True)
    module.run(0.05)
    assert act(module, "report", what="firmware")["state"] == "normal"
    assert act(module, "report", what="module")["radio"] == "registered"
    module.at('AT+CGDCONT=2,"IP","internet.wind"')
    module.at('AT+UAUTHREQ=2,2,"a","b"')
    module.at("AT+CGACT=1,2")
    shown = act(module, "report", what="pdp-auth", cid="2")
    assert sorted(shown.values()) == ["a", "b"]
    with pytest.raises(ControlRefusal):
        act(module, "report", what="pdp-auth", cid="5")


def test_a_call_held_in_online_command_mode(module: Any) -> None:
    """Figure 5: ATO goes back to the call, ATH ends it."""
    done: list[str] = []

    async def resume() -> None:
        done.append("resumed")

    async def hang_up() -> None:
        done.append("ended")

    port = module.module.uart.port
    port.online = OnlineCall(resume, hang_up)
    assert module.at("ATO") == ["OK"]
    assert module.at("AT") == ["OK"]
    assert module.at("ATH") == ["OK"]
    assert done == ["resumed", "ended"]
    assert module.at("ATO") == ["NO CARRIER"]
