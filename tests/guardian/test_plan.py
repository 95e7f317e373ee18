"""Plans, messages and errors cross a socket and a disk unchanged."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.base.errors import FrameworkError, NotPossible, Owner, RigError
from cellbench.guardian import errors
from cellbench.guardian.plan import (
    DrivenLinePlan,
    EquipmentPlan,
    InstrumentPlan,
    OutputPlan,
    ReadLinePlan,
    SlotPlan,
)
from cellbench.guardian.protocol import Cancel, Request, encode, parse_request
from cellbench.guardian.state import Held, StateFile, with_secrets

NAMES = st.text(min_size=1, max_size=8)
OUTPUTS = st.builds(
    OutputPlan, supply=NAMES, channel=st.integers(1, 4), voltage_v=st.floats(0.1, 4.0),
    current_limit_a=st.floats(0.1, 2.0), max_voltage_v=st.floats(4.0, 5.0), max_current_a=st.floats(2.0, 3.0),
    over_voltage_v=st.none() | st.floats(4.0, 6.0))
DRIVEN = st.builds(DrivenLinePlan, NAMES, st.integers(0, 31), st.booleans())
READ = st.builds(ReadLinePlan, NAMES, st.integers(0, 31), st.booleans())
SLOTS = st.builds(
    SlotPlan, name=NAMES, output=st.none() | OUTPUTS, driven=st.dictionaries(NAMES, DRIVEN, max_size=3),
    read=st.dictionaries(NAMES, READ, max_size=3),
    ports=st.lists(NAMES, max_size=2).map(tuple))
BOARD = InstrumentPlan("line.x", {"host": "h", "password": "pw"}, {"password": {"env": "PW"}})
RIG = EquipmentPlan("rig", {"b": BOARD})


@given(SLOTS)
def test_slot_plans_round_trip(plan):
    assert SlotPlan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    assert sorted(plan.releases()) == sorted(plan.driven)


def test_equipment_plans_round_trip_and_leave_secrets_out_of_what_is_stored():
    assert EquipmentPlan.from_json(json.loads(json.dumps(RIG.to_json()))) == RIG
    assert "pw" not in json.dumps(RIG.without_secrets().to_json())


def test_release_order_puts_what_decides_the_boot_first():
    names = ("vusb_det", "dtr", "pwr_on", "usb_boot")
    driven = {name: DrivenLinePlan("b", pin) for pin, name in enumerate(names)}
    assert SlotPlan("s", driven=driven).releases() == ("usb_boot", "pwr_on", "vusb_det", "dtr")


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf")])
def test_an_output_plan_refuses_impossible_values(bad):
    with pytest.raises(RigError, match="voltage_v"):
        OutputPlan("psu", 1, bad, 1.0, 4.0, 2.0)


def test_a_state_file_round_trips_and_fetches_secrets_by_reference(tmp_path, monkeypatch):
    held = Held(SlotPlan("s"), RIG, "run", "ann", 1, 2, 3, {"b": "Board"})
    StateFile(tmp_path).save([held])
    (found,) = StateFile(tmp_path).load()
    assert found.slot == held.slot
    monkeypatch.setenv("PW", "pw")
    assert with_secrets("b", found.equipment.instruments["b"]).settings == {"host": "h", "password": "pw"}
    monkeypatch.delenv("PW")
    with pytest.raises(RigError, match="password is not to be had"):
        with_secrets("b", found.equipment.instruments["b"])


def test_an_unreadable_state_file_is_kept_aside(tmp_path):
    (tmp_path / "leased.json").write_text('{"schema": 1, "held": [{}')
    assert StateFile(tmp_path).load() == ()
    assert (tmp_path / "leased.unreadable").exists()


@pytest.mark.parametrize("error", [
    errors.EquipmentHeld("m", remedy="r"), errors.SupplyTripped("m"), errors.LeaseEnded("m"),
    NotPossible("m"), RigError("m"), FrameworkError("m")])
def test_errors_cross_by_type_and_owner(error):
    found = errors.from_wire(json.loads(json.dumps(errors.to_wire(error))))
    assert (type(found), found.owner, str(found)) == (type(error), error.owner, str(error))


def test_an_unknown_error_keeps_its_owner():
    found = errors.from_wire({"type": "Newer", "owner": "network", "message": "m"})
    assert found.owner is Owner.NETWORK


def test_requests_round_trip():
    assert parse_request(encode({"id": 1, "op": "drive", "args": {"line": "pwr_on"}})) == Request(
        1, "drive", {"line": "pwr_on"})
    assert parse_request(b'{"cancel": 4}') == Cancel(4)


@given(st.binary(max_size=60))
def test_any_line_is_a_request_or_refused(line):
    try:
        found = parse_request(line)
    except FrameworkError:
        found = None
    assert found is None or isinstance(found, Request | Cancel)
