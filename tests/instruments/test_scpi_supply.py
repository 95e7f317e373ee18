"""SCPI supplies against transcripts: every command, its reply, nothing more.

TRANSCRIPT_OF names the kinds whose dialogue stands here. Source: SCPI-1999 volume 2 (INSTrument, SOURce,
OUTPut, MEASure, SYSTem:ERRor) and IEEE 488.2 (*IDN?, *CLS).
"""

from __future__ import annotations

import time

import pytest

from cellbench.base.errors import NotPossible, RigError
from cellbench.instruments.conversation import Query
from cellbench.instruments.open import equipment_key, open_lines, open_supply
from cellbench.instruments.supply.scpi import GENERIC, Dialect, ScpiSupply

TRANSCRIPT_OF = ("supply.scpi-generic",)
NO_ERROR = ("SYST:ERR?", '0,"No error"')
OFF_2 = (("INST:NSEL 2", ""), NO_ERROR, ("INST:NSEL?", "2"), ("OUTP OFF", ""))
SELECT_2 = (("INST:NSEL 2", ""), NO_ERROR, ("INST:NSEL?", "2"))


def supply_at(port, **settings):
    return open_supply("supply.scpi-generic", {"resource": f"TCPIP::127.0.0.1::{port}::SOCKET", **settings},
                       name="psu1")


def test_set_enable_measure_and_switch_off(play, scpi):
    player = play(scpi(
        *SELECT_2, ("VOLT 3.800", ""), NO_ERROR, ("VOLT?", "3.800"),
        *SELECT_2, ("CURR 2.500", ""), NO_ERROR, ("CURR?", "+2.50000E+00"),
        *SELECT_2, ("VOLT:PROT 4.400", ""), NO_ERROR, ("VOLT:PROT?", "4.4"),
        *SELECT_2, ("OUTP ON", ""), NO_ERROR, ("OUTP?", "1"),
        ("MEAS:VOLT?", "3.7989"), ("MEAS:CURR?", "1.06E-02"), ("VOLT?", "3.8"), ("CURR?", "2.5"),
        *OFF_2, NO_ERROR, ("OUTP?", "OFF")))
    supply = supply_at(player.port, identity="CELLBENCH,VPS")
    output = supply.output(2)
    output.set_voltage_v(3.8)
    output.set_current_limit_a(2.5)
    output.set_over_voltage_v(4.4)
    output.enable(True)
    assert output.measure_voltage_v() == pytest.approx(3.7989)
    assert output.measure_current_a() == pytest.approx(0.0106)
    assert output.voltage_setting_v() == pytest.approx(3.8)
    assert output.current_limit_setting_a() == pytest.approx(2.5)
    output.enable(False)
    assert supply.identity() == "CELLBENCH,VPS-4,0001,1.0"
    supply.close()


def test_trip_is_read_and_cleared(play, scpi):
    player = play(scpi(
        *SELECT_2, ("CURR:PROT:TRIP?", "1"),
        *OFF_2, NO_ERROR, ("OUTP?", "0"), *SELECT_2, ("OUTP:PROT:CLE", ""), NO_ERROR,
        ("CURR:PROT:TRIP?", "0"), ("OUTP?", "0")))
    supply = supply_at(player.port)
    assert supply.output(2).tripped() == "over-current"
    supply.output(2).clear_trip()
    supply.close()


def test_supply_that_comes_on_again_when_its_trip_is_cleared_is_switched_off(play, scpi):
    player = play(scpi(*OFF_2, NO_ERROR, ("OUTP?", "0"), *SELECT_2, ("OUTP:PROT:CLE", ""), NO_ERROR,
                       ("CURR:PROT:TRIP?", "0"), ("OUTP?", "1"), *OFF_2, NO_ERROR, ("OUTP?", "0")))
    supply = supply_at(player.port)
    supply.output(2).clear_trip()
    supply.close()


def test_trip_that_stays_is_an_error(play, scpi):
    player = play(scpi(*OFF_2, NO_ERROR, ("OUTP?", "0"), *SELECT_2, ("OUTP:PROT:CLE", ""), NO_ERROR,
                       ("CURR:PROT:TRIP?", "1")))
    supply = supply_at(player.port)
    with pytest.raises(RigError, match="psu1, channel 2: the over-current trip stays"):
        supply.output(2).clear_trip()
    supply.close()


def test_output_that_does_not_come_on_says_why(play, scpi):
    player = play(scpi(*SELECT_2, ("OUTP ON", ""), NO_ERROR, ("OUTP?", "0"), ("CURR:PROT:TRIP?", "1")))
    supply = supply_at(player.port)
    with pytest.raises(RigError, match="stays off: the over-current protection has tripped"):
        supply.output(2).enable(True)
    supply.close()


def test_read_back_that_differs_is_an_error(play, scpi):
    player = play(scpi(*SELECT_2, ("VOLT 3.800", ""), NO_ERROR, ("VOLT?", "3.300")))
    supply = supply_at(player.port)
    with pytest.raises(RigError, match=r"psu1, channel 2: set to 3.8 V, reads back 3.3 V"):
        supply.output(2).set_voltage_v(3.8)
    supply.close()


def test_error_queue_is_emptied_and_reported(play, scpi):
    player = play(scpi(*SELECT_2, ("VOLT 99.000", ""), ("SYST:ERR?", '-222,"Data out of range"'),
                       ("SYST:ERR?", '-113,"Undefined header"'), NO_ERROR))
    supply = supply_at(player.port)
    with pytest.raises(RigError, match=r"psu1 refused 'VOLT 99.000': -222,\"Data out of range\"; -113"):
        supply.output(2).set_voltage_v(99)
    supply.close()


@pytest.mark.parametrize(("query", "stale"), [("MEAS:CURR?", "3.7989"), ("OUTP?", "1"), ("VOLT?", "3.8")])
def test_answer_of_the_query_before_is_noticed(play, scpi, query, stale):
    # all answers lag by one: what looks like a figure is the one before, and the error queue says a figure
    player = play(scpi(*SELECT_2, (query, stale), ("SYST:ERR?", "0.0106")), scpi(*SELECT_2, ("OUTP?", "0")))
    player.dialogues[0].steps = [step for number, step in enumerate(player.dialogues[0].steps)
                                 if number != len(player.dialogues[0].steps) - 2]
    supply = supply_at(player.port)
    output = supply.output(2)
    ask = {"MEAS:CURR?": output.measure_current_a, "OUTP?": output.is_enabled,
           "VOLT?": output.voltage_setting_v}
    with pytest.raises(RigError, match=r"answered '0.0106' to 'SYST:ERR\?', .* out of step"):
        ask[query]()
    assert output.is_enabled() is False  # a new dialogue
    supply.close()


def test_wrong_model_is_refused(play, scpi):
    player = play(scpi(identity="ACME,LAB-1,7,2.0"))
    with pytest.raises(RigError, match=r"says it is 'ACME,LAB-1,7,2.0', the rig file expects 'CELLBENCH"):
        supply_at(player.port, identity="CELLBENCH,VPS-4")


def test_wrong_family_is_refused(play, scpi):
    strict = Dialect(kind="supply.of-this-test", models="ACME LAB", source="this test",
                     identity=r"ACME,LAB.*")
    player = play(scpi())
    with pytest.raises(RigError, match="none of ACME LAB"):
        ScpiSupply("psu1", strict, resource=f"TCPIP::127.0.0.1::{player.port}::SOCKET")


def test_channel_that_answers_as_another_is_refused(play, scpi):
    player = play(scpi(("INST:NSEL 2", ""), NO_ERROR, ("INST:NSEL?", "1")))
    supply = supply_at(player.port)
    with pytest.raises(RigError, match="channel 2 was selected, it says 1"):
        supply.output(2).is_enabled()
    supply.close()


def test_channel_outside_the_model_is_refused(play, scpi):
    player = play(scpi())
    supply = supply_at(player.port, channels=3)
    with pytest.raises(RigError, match="no channel 4; it has 1, 2, 3"):
        supply.output(4)
    supply.close()


@pytest.mark.parametrize("answer", ["9.91E37", "hello", ""])
def test_figure_that_is_none_starts_a_new_dialogue(play, scpi, answer):
    player = play(scpi(*SELECT_2, ("MEAS:CURR?", answer or " "), astray=True),
                  scpi(*SELECT_2, ("MEAS:CURR?", "0.5")))
    supply = supply_at(player.port)
    with pytest.raises(RigError, match=r"psu1 answered .* to 'MEAS:CURR\?', not a number"):
        supply.output(2).measure_current_a()
    assert supply.output(2).measure_current_a() == 0.5
    supply.close()


def test_supply_that_hangs_is_named_and_taken_up_again(play, scpi):
    # the answer that never came must not be taken for the next one: a new connection, greeted anew
    player = play(scpi(*SELECT_2, ("MEAS:VOLT?", "")), scpi(*SELECT_2, ("MEAS:CURR?", "0.25")))
    supply = supply_at(player.port, timeout_s=0.2)
    began = time.monotonic()
    with pytest.raises(RigError, match=r"instrument psu1 \(TCPIP::.*failed at 'MEAS:VOLT\?': no answer"):
        supply.output(2).measure_voltage_v()
    assert time.monotonic() - began < 2
    assert supply.output(2).measure_current_a() == 0.25
    supply.close()


def test_connection_that_is_cut_is_named(play, scpi):
    player = play(scpi(*SELECT_2, ("OUTP?", None)))
    supply = supply_at(player.port)
    with pytest.raises(RigError, match=r"instrument psu1 .*failed at 'OUTP\?'"):
        supply.output(2).is_enabled()
    supply.close()


def test_supply_that_is_not_there(unused_port):
    with pytest.raises(RigError, match=r"instrument psu1 .* cannot be reached") as caught:
        supply_at(unused_port)
    assert "switched on" in caught.value.remedy


def test_serial_supply_that_is_not_there_lists_what_is():
    with pytest.raises(RigError, match="VISA sees"):
        open_supply("supply.scpi-generic", {"resource": "ASRL/dev/no-such-port::INSTR"}, name="psu1")


def test_model_without_protection_says_not_possible(play, scpi):
    plain = Dialect(kind="supply.of-this-test", models="any", source="this test", set_over_voltage=(),
                    measure_current=None, trips=(), select=None, set_voltage="VOLT {value},(@{channel})",
                    voltage=Query("VOLT? (@{channel})"), channels=2)
    player = play(scpi(("VOLT 3.800,(@2)", ""), NO_ERROR, ("VOLT? (@2)", "3.8")))
    supply = ScpiSupply("psu1", plain, resource=f"TCPIP::127.0.0.1::{player.port}::SOCKET")
    output = supply.output(2)
    output.set_voltage_v(3.8)
    for lacking in (lambda: output.set_over_voltage_v(4), lambda: output.set_over_current_a(2),
                    output.measure_current_a, lambda: output.start_current_log_hz(1000)):
        with pytest.raises(NotPossible, match="psu1"):
            lacking()
    assert output.tripped() is None
    supply.close()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_figure_that_cannot_be_set_is_never_sent(play, scpi, value):
    player = play(scpi())
    supply = supply_at(player.port)
    with pytest.raises(RigError, match="cannot be set"):
        supply.output(1).set_voltage_v(value)
    supply.close()


def test_kinds_are_kept_apart():
    with pytest.raises(RigError, match="is a supply, not a line"):
        open_lines("supply.scpi-generic", {})
    with pytest.raises(RigError, match=r"kind 'supply.scpi-genric'.*did you mean supply.scpi-generic"):
        open_supply("supply.scpi-genric", {})


def test_equipment_key_is_the_resource():
    assert equipment_key(GENERIC.kind, {"resource": "tcpip::10.0.0.1::5025::SOCKET"}) == (
        equipment_key(GENERIC.kind, {"resource": "TCPIP::10.0.0.1::5025::socket"}))


def test_connection_lost_between_operations_is_opened_anew(play, scpi):
    # nothing was under way, so nothing is lost; the channel is selected again on the new connection
    player = play(scpi(*SELECT_2, ("OUTP?", "0"), ("MEAS:CURR?", None)),
                  scpi(*SELECT_2, ("OUTP?", "1")))
    supply = supply_at(player.port)
    assert supply.output(2).is_enabled() is False
    with pytest.raises(RigError, match="it closed the connection"):
        supply.output(2).measure_current_a()
    assert supply.output(2).is_enabled() is True
    supply.close()


def test_answer_that_nobody_asked_for_starts_a_new_dialogue(play, dialogue, scpi):
    opening = list(scpi(*SELECT_2).steps)
    player = play(dialogue([*opening, (b"MEAS:VOLT?\n", b"3.8\n3.7\n")]),
                  scpi(*SELECT_2, ("MEAS:CURR?", "0.01")))
    supply = supply_at(player.port)
    with pytest.raises(RigError, match=r"answered '3.8' and then .*3.7.* unasked"):
        supply.output(2).measure_voltage_v()
    assert supply.output(2).measure_current_a() == 0.01  # not the 3.7 that was left over
    supply.close()


def test_switching_off_does_not_wait_for_an_empty_error_queue(play, scpi):
    player = play(scpi(*OFF_2, ("SYST:ERR?", '-321,"Overcurrent"'), NO_ERROR, ("OUTP?", "0")))
    supply = supply_at(player.port)
    supply.output(2).enable(False)
    supply.close()


def test_output_that_stays_on_is_an_error_with_what_the_queue_says(play, scpi):
    player = play(scpi(*OFF_2, ("SYST:ERR?", '-203,"Command protected"'), NO_ERROR, ("OUTP?", "1")))
    supply = supply_at(player.port)
    with pytest.raises(RigError, match="psu1, channel 2: the output stays on: -203,\"Command protected\""):
        supply.output(2).enable(False)
    supply.close()
