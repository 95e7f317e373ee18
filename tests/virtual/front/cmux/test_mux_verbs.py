"""What the control room does to a module's multiplexer, as the host on the line sees it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from cellbench.virtual.control.verbs import ControlRefusal
from cellbench.virtual.device import mux_verbs


@dataclass
class Slot:
    """As much of a slot as the verbs look at."""

    name: str
    module: Any


@pytest.fixture
def ctl(dte: Any) -> Any:
    """``ctl("mux", state="close")``: the verb, or a report."""
    slot = Slot("m", dte.driven.module)

    def act(name: str, **values: str) -> Any:
        verb = mux_verbs.REPORTS[values["what"]] if name == "report" else mux_verbs.VERBS[name]
        answer = dte.driven.loop.run_until_complete(verb.act(None, slot, values))
        dte.take()
        return answer

    return act


def test_flow_control_from_the_module(dte: Any, ctl: Any) -> None:
    dte.start("AT+CMUX=0,0,,127", 1, 2)
    ctl("mux", flow="off", channel="1")
    ctl("mux", flow="off")
    assert dte.control == [b"\xe3\x05\x07\x0f", b"\x63\x01"]
    dte.say(0, b"\xe1\x05\x07\x0f")
    dte.say(0, b"\x61\x01")
    dte.control.clear()
    ctl("mux", flow="on", channel="1")
    ctl("mux", flow="on")
    assert dte.control == [b"\xe3\x05\x07\x0d", b"\xa3\x01"]


def test_the_module_releases_a_channel(dte: Any, ctl: Any) -> None:
    dte.start("AT+CMUX=0,0,,127,20,2", 1, 2)
    ctl("mux", state="close", channel="2")
    dte.take(0.21)
    assert dte.answers == [(2, 0x53), (2, 0x53)]  # T1 is 200 ms
    dte.send(bytes.fromhex("f9 09 73 01 f3 f9"))  # UA of the initiator, C/R 0
    dte.answers.clear()
    dte.take(1)
    assert dte.answers == []
    assert ctl("report", what="mux")["channels"] == "1"
    assert [port.name for port in dte.driven.module.ports if port.name.startswith("mux")] == ["mux1"]


def test_the_module_closes_down(dte: Any, ctl: Any) -> None:
    dte.start("AT+CMUX=0,0,,127", 1)
    report = ctl("report", what="mux")
    assert [report[key] for key in ("state", "channels", "dtr", "damaged")] == ["running", "1", "1", "0"]
    ctl("mux", state="close")
    assert dte.control == [b"\xc3\x01"]
    dte.say(0, b"\xc1\x01")
    assert ctl("report", what="mux") == {"state": "off", "ended": "CLD of the module"}
    dte.driven.run(0.25)
    assert dte.driven.at("ATE0")[-1] == "OK"


def test_the_module_closes_down_before_a_host_that_is_gone(dte: Any, ctl: Any) -> None:
    dte.start("AT+CMUX=0,0,,127,10,2,20", 1)
    ctl("mux", state="close")
    dte.take(0.65)
    assert dte.control == [b"\xc3\x01"] * 3  # T2 is 200 ms, N2 2
    assert ctl("report", what="mux") == {"state": "off", "ended": "no answer on the control channel"}


def test_what_cannot_be_done_is_a_sentence(dte: Any, ctl: Any) -> None:
    with pytest.raises(ControlRefusal, match="not in multiplexer mode"):
        ctl("mux", state="close")
    dte.start("AT+CMUX=0,0,,127", 1)
    with pytest.raises(ControlRefusal, match="no channel 9"):
        ctl("mux", state="close", channel="9")
    with pytest.raises(ControlRefusal, match="no channel 9"):
        ctl("mux", flow="off", channel="9")
    with pytest.raises(ControlRefusal, match="state"):
        ctl("mux")
    dte.driven.module.set_supply(0.0)
    with pytest.raises(ControlRefusal, match="off"):
        ctl("report", what="mux")


def test_needs_a_slot() -> None:
    with pytest.raises(ControlRefusal, match="--slot"):
        asyncio.run(mux_verbs.REPORTS["mux"].act(None, None, {"what": "mux"}))  # type: ignore[arg-type]
