"""python-gsmmodem-new on the first AT port of each series: start, identity, network, message store."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from subprocess import Popen
from typing import Any

import pytest

pytest.importorskip("gsmmodem", reason="python-gsmmodem-new is not installed")

NAMES = {"r8": ("LENA-R8001M10", "I WIND"), "r6": ("LARA-R6001", "I TIM")}


def test_the_library_connects_and_finds_its_way(foreign_rack: Any, peer: Callable[..., Popen[str]]) -> None:
    programs = {}
    for key in NAMES:
        foreign_rack.power_on(f"gsm-{key}")
        programs[key] = peer("gsmmodem_peer.py", foreign_rack.slots[f"gsm-{key}"]["at"][0])
    for key, (model, network) in NAMES.items():
        out, err = programs[key].communicate(timeout=60)
        assert out, err
        found = json.loads(out)
        assert found["connected"] is True, found["exchange"]
        assert (found["manufacturer"], found["model"], found["networkName"]) == ("u-blox", model, network)
        assert re.fullmatch(r"\d{15}", found["imei"])
        assert re.fullmatch(r"\d{15}", found["imsi"])
        assert re.match(r"\d\d\.\d\d", found["revision"])
        assert 0 < found["signalStrength"] <= 31
        assert 0 < found["coverage"] <= 31
        assert found["smsc"].startswith("+")
        assert "UCS2" in found["smsSupportedEncoding"]
        assert found["stored"] == 0
        assert found["ussd"].startswith("!")  # not on these series yet: refused, not hung
        assert found["alive"] == ["OK"]


@pytest.mark.parametrize("way", [("gsm-r8", "gsm-r6"), ("gsm-r6", "gsm-r8")], ids=["r8 to r6", "r6 to r8"])
def test_messages_by_the_library_s_own_codec(foreign_rack: Any, peer: Callable[..., Popen[str]],
                                             way: tuple[str, str]) -> None:
    """PDU mode with status reports, UCS2, a long text in parts, text mode; read by the library."""
    numbers = []
    for slot in way:
        foreign_rack.power_on(slot)
        told = foreign_rack.ctl("report", "what=telephone", slot=slot).stdout
        numbers.append(dict(line.split("=", 1) for line in told.splitlines())["number"])
    ports = [foreign_rack.slots[slot]["at"][0] for slot in way]
    out, err = peer("gsmmodem_sms_peer.py", *ports, *numbers).communicate(timeout=90)
    assert out, err
    found = json.loads(out)
    texts = [text for _, text in found["received"]]
    assert texts[:2] == ["Hello from PDU mode {1}", "Grüße, Ωψ猫"]
    assert "".join(texts[2:]) == "Lorem ipsum dolor sit amet {€}, " * 12
    assert len(texts) > 3
    assert {sender for sender, _ in found["received"]} == {numbers[0]}
    assert found["reported"] == [True, True]
    assert found["text"] == [numbers[0], "By text mode"]
