"""The interlock's judgement over what was seen, and what it refuses before anything is switched."""

from __future__ import annotations

import itertools
import os

import pytest
import yaml

from cellbench.base.errors import NotPossible
from cellbench.host.transcript import Transcript
from cellbench.rig.bench import Bench
from cellbench.rig.interlock import refuse
from cellbench.rig.interlock_signs import Signs, misplaced
from cellbench.rig.load import load_rig

LINE = {"on": "relays1", "active": "low"}


def rig_file(tmp_path, **changes):
    """Three slots; ``changes`` by slot replace its ports or power."""
    slots = {}
    for number, name in enumerate("abc", 1):
        slots[name] = {
            "series": "LENA-R8",
            "power": {"supply": "psu1", "channel": number, "voltage_v": 3.8, "current_limit_a": 2.5},
            "lines": {
                "pwr_on": {**LINE, "pin": number},
                "v_int": {"on": "relays1", "input": number, "active": "high"},
            },
            "ports": {"usb": {"location": f"1-1.{number}"}, "uart": {"url": f"socket://127.0.0.1:{number}"}},
        }
        slots[name].update(changes.get(name, {}))
    model = {
        "rig": "r",
        "instruments": {
            "psu1": {"kind": "supply.scpi-generic", "resource": "TCPIP::127.0.0.1::1::SOCKET"},
            "relays1": {"kind": "line.numato-ethernet", "host": "127.0.0.1"},
        },
        "slots": slots,
    }
    path = tmp_path / "rig.yaml"
    path.write_text(yaml.safe_dump(model, sort_keys=False))
    return load_rig(path)


@pytest.fixture
def slots(tmp_path):
    bench = bench_of(rig_file(tmp_path))
    return {name: bench.ports_only(name) for name in "abc"}


def bench_of(rig):
    return Bench(
        rig,
        "run",
        os.getpid(),
        trace=lambda name: Transcript(),
        events=lambda name: lambda *said: None,
        far_side_for=lambda name: None,
    )


def seen(pwr_on="a", usb=("a",), v_int=("a",), uart="a"):
    return Signs("a", pwr_on, list(usb), list(v_int), uart, peak_a=0.5, idle_a=0.0)


@pytest.mark.parametrize(
    ("signs", "sentence", "place"),
    [
        (
            seen("b", ["b"], ["b"], "b"),
            "slot a's supply powers the module at slot b's USB location",
            "a.power",
        ),
        (seen(pwr_on="b"), "slot b's PWR_ON starts the module of slot a", "b.lines.pwr_on"),
        (seen(usb=["b"]), "the module of slot a appears at slot b's USB location", "a.ports.usb.location"),
        (seen(usb=["1-4.2"]), "USB location 1-4.2, which no slot names", "a.ports.usb.location"),
        (seen(v_int=["c"]), "V_INT of slot c rises with the module of slot a", "c.lines.v_int"),
        (seen(uart="b"), "the module of slot a answers on slot b's UART", "a.ports.uart"),
        (seen(usb=[]), "the module of slot a starts and shows nowhere on USB", "a.ports.usb"),
        (seen(uart=""), "the module of slot a starts and no UART answers", "a.ports.uart"),
        (seen(v_int=[]), "the module of slot a starts and no V_INT rises", "a.lines.v_int"),
    ],
)
def test_one_wire_at_the_wrong_place_is_one_mistake(slots, signs, sentence, place):
    (mistake,) = misplaced(signs, slots)
    assert sentence in mistake.sentence
    assert mistake.place == ("slots", *place.split("."))
    assert mistake.remedy


def test_a_slot_that_is_as_the_file_says_has_no_mistake(slots):
    assert list(misplaced(seen(), slots)) == []


def test_a_slot_that_names_no_usb_may_show_on_usb(tmp_path):
    bench = bench_of(rig_file(tmp_path, a={"ports": {"uart": {"url": "socket://127.0.0.1:9"}}}))
    slots = {name: bench.ports_only(name) for name in "abc"}
    assert list(misplaced(seen(usb=["1-1.1"]), slots)) == []


def test_whatever_is_seen_a_difference_is_never_called_right(slots):
    for labels in itertools.product("abc", repeat=4):
        pwr_on, usb, v_int, uart = labels
        mistakes = list(misplaced(seen(pwr_on, [usb], [v_int], uart), slots))
        assert bool(mistakes) is (set(labels) != {"a"}), labels


def test_slots_that_nothing_tells_apart_are_refused(tmp_path):
    rig = rig_file(
        tmp_path, b={"power": None, "lines": {}}, c={"ports": {"uart": {"url": "socket://127.0.0.1:9"}}}
    )
    bench = bench_of(rig)
    refuse(bench, "a")
    refuse(bench, "c")  # UART alone, with a supply that measures current
    with pytest.raises(NotPossible, match="slot b has no supply"):
        refuse(bench, "b")
