"""Examples from the makers' manuals, and the ways in which each family differs."""

import struct
import time

import pytest

from cellbench.virtual.bench.output import Trip


def tripped(bench, place=0, why=Trip.OVER_CURRENT):
    bench.loop.call(lambda: bench.supply.outputs[place].trip(why))


def test_e36300_channel_lists_and_selection(talk):
    bench = talk("keysight-e36300")
    bench.say("VOLT 3.3,(@1)", "VOLT 5,(@2,3)", "INST:SEL CH2", "CURR 1.5")
    assert bench.ask("VOLT? (@1:3)") == "+3.30000000E+00,+5.00000000E+00,+5.00000000E+00"
    assert bench.ask("CURR?;:INST:NSEL?") == "+1.50000000E+00;+2"
    assert bench.ask("APPL? CH1").startswith('"3.300000,')
    assert bench.ask("VOLT? MAX,(@1)") == "+6.18000000E+00"
    bench.say("OUTP ON,(@1:2)")
    assert bench.ask("OUTP? (@1:3)") == "1,1,0"
    bench.say("VOLT 5,(@4)")
    assert bench.ask("SYST:ERR?") == '-222,"Data out of range"'
    assert bench.ask("SYST:ERR?") == '+0,"No error"'


@pytest.mark.parametrize(("name", "channel"), [
    ("keysight-e36300", "(@1)"), ("keysight-n6700", "(@1)"), ("keysight-e36100", "")])
def test_keysight_clear_gives_the_output_back(talk, name, channel):
    bench = talk(name)
    on = f"OUTP ON,{channel}".rstrip(",")
    for asked_off in (False, True):
        bench.say(on)
        assert bench.ask(f"OUTP? {channel}") == "1"
        tripped(bench)
        bench.say(on)
        assert bench.ask(f"OUTP? {channel}") == "0"  # latched
        if asked_off:
            bench.say(on.replace("ON", "OFF"))
        bench.say(f"OUTP:PROT:CLE {channel}")
        assert bench.ask(f"OUTP? {channel}") == ("0" if asked_off else "1")


def test_n6700_wants_a_channel_list_and_tells_its_cards(talk):
    bench = talk("keysight-n6700")
    bench.say("VOLT 3.8")
    assert bench.ask("SYST:ERR?") == '-109,"Missing parameter"'
    assert bench.ask("SYST:CHAN?") == "+4"
    assert bench.ask("SYST:CHAN:MOD? (@2)") == '"N6762A"'
    bench.say("VOLT 3.8,(@1)", "OUTP ON,(@1)", "CURR 2,(@1)")
    assert bench.ask("STAT:OPER:COND? (@1)") == "+1"
    tripped(bench, why=Trip.OVER_VOLTAGE)
    assert bench.ask("STAT:QUES:COND? (@1)") == "+1"


def test_n6705_external_data_log(talk):
    bench = talk("keysight-n6700")
    bench.say("VOLT 3.8,(@1)", "CURR 2,(@1)", "OUTP ON,(@1)", "SENS:ELOG:FUNC:CURR ON,(@1)",
              "SENS:ELOG:FUNC:VOLT OFF,(@1)", "SENS:ELOG:PER 0.001,(@1)", "TRIG:ELOG:SOUR BUS,(@1)",
              "INIT:ELOG (@1)", "TRIG:ELOG (@1)")
    values = []
    end = time.monotonic() + 5
    while len(values) < 300 and time.monotonic() < end:
        answer = bench.ask("FETC:ELOG? 1000,(@1)")
        values += [float(text) for text in answer.split(",") if text]
    bench.say("ABOR:ELOG (@1)")
    assert len(values) >= 300
    assert values[-1] == pytest.approx(0.02, rel=0.1)
    assert bench.ask("SYST:ERR?") == '+0,"No error"'


def test_rs_flag_and_master_switch(talk):
    for name in ("rs-nge100", "rs-hmp", "rs-ngm200"):
        bench = talk(name)
        bench.say("INST OUT1", "VOLT 3.8", "OUTP:SEL ON", "INST:NSEL 2", "VOLT 5", "OUTP:SEL ON")
        assert bench.ask("OUTP?") == "0"
        bench.say("OUTP:GEN ON")
        assert bench.ask("INST?;:OUTP?") == "OUTP2;1"
        assert [load.volts for load in bench.loads[:2]] == [3.8, 5.0]
        bench.say("OUTP:SEL OFF")
        assert bench.ask("OUTP?;OUTP:GEN?") == "0;1"
        bench.say("OUTP:GEN OFF", "INST OUT1")
        assert bench.ask("OUTP?") == "0"


def test_rs_fuse(talk):
    word = "TRIP"
    for name, text in (("rs-nge100", "0.05"), ("rs-hmp", "50"), ("rs-ngm200", "0.05")):
        bench = talk(name)
        bench.say("INST OUT1", "VOLT 4", "CURR 0.5", "FUSE ON", f"FUSE:DEL {text}", "OUTP ON")
        assert bench.ask(f"FUSE:{word}?") == "0"
        bench.loads[0].amperes = 1.0
        end = time.monotonic() + 5
        while bench.ask(f"FUSE:{word}?") == "0" and time.monotonic() < end:
            time.sleep(0.01)
        assert bench.ask("OUTP?") == "0"
        assert int(bench.ask("STAT:QUES:INST:ISUM1:COND?")) == 1 << 10
        bench.loads[0].amperes = 0.1
        if name == "rs-hmp":
            bench.say(f"FUSE:{word}:CLE")
            assert bench.ask("SYST:ERR?").startswith("-113")
        else:
            bench.say("OUTP ON")
            assert bench.ask("OUTP?") == "0"
            bench.say(f"FUSE:{word}:CLE")
        bench.say("OUTP ON")
        assert bench.ask("OUTP?") == "1"


def test_ngm200_channel_lists_and_fast_log(talk):
    bench = talk("rs-ngm200")
    bench.say("INST OUT1", "VOLT 5, (@1:2)", "OUTP 1, (@2)")
    assert bench.ask("VOLT? (@1,2)") == "5.000000,5.000000"
    assert bench.ask("OUTP? (@2)") == "1"
    assert bench.ask("INST:NSEL?") == "1"
    bench.say("INST OUT2", "FLOG:SRAT S001k", "FLOG:TARG SCPI", "FLOG 1")
    voltages = []
    end = time.monotonic() + 5
    while len(voltages) < 60 and time.monotonic() < end:
        bench.say("FLOG:DATA?")
        assert bench.file.read(1) == b"#"
        digits = int(bench.file.read(1))
        length = int(bench.file.read(digits))
        values = struct.unpack(f"<{length // 4}f", bench.file.read(length))
        assert bench.file.read(1) == b"\n"
        voltages += values[0::2]
    bench.say("FLOG 0")
    assert len(voltages) >= 60
    assert voltages[-1] == pytest.approx(5.0, abs=0.01)


def test_dp800_examples(talk):
    bench = talk("rigol-dp800")
    bench.say(":APPL CH1,5,1", ":OUTP:OVP:VAL CH1,8.8", ":OUTP:OVP CH1,ON", ":OUTP CH1,ON")
    assert bench.ask(":OUTP:OVP:VAL? CH1") == "8.800"
    assert bench.ask(":APPL? CH1") == "CH1:30V/3A,5.000,1.0000"
    assert bench.ask(":OUTP? CH1;:OUTP? CH2;:OUTP:OVP? CH1") == "ON;OFF;ON"
    assert bench.ask(":MEAS:ALL? CH1").count(",") == 2
    bench.say(":OUTP:OCP:VAL CH1,0.5", ":OUTP:OCP CH1,ON")
    bench.loads[0].amperes = 0.7
    assert bench.ask(":OUTP:OCP:QUES? CH1;:OUTP? CH1") == "YES;OFF"
    bench.loads[0].amperes = 0.1
    bench.say(":OUTP CH1,ON")
    assert bench.ask(":OUTP? CH1") == "OFF"
    bench.say(":OUTP:OCP:CLEAR CH1")
    assert bench.ask(":OUTP:OCP:QUES? CH1;:OUTP? CH1") == "NO;OFF"
    tripped(bench)
    bench.say(":SOUR1:CURR:PROT:CLE")
    assert bench.ask(":OUTP? CH1") == "ON"


def test_spd3303x_state_is_in_its_status_alone(talk):
    bench = talk("siglent-spd3303x")
    bench.say("CH2:VOLT 3.8", "OUTP CH2,ON")
    assert bench.ask("SYST:STAT?") == "0x24"
    assert bench.ask("CH2:VOLT?") == "3.800"
    for message in ("OUTP? CH2", "*OPC?", "VOLT:PROT?"):
        assert bench.silent(message)
    tripped(bench, 1)
    assert bench.ask("SYST:STAT?") == "0x4"
    assert bench.ask("SYST:ERR?").startswith("-113")


def test_tti_forms_of_answers(talk):
    bench = talk("tti-cpx-ql")
    bench.say("V1 3.8;I1 1.5", "OVP1 5")
    assert bench.ask("V1?") == "V1 3.800"
    assert bench.ask("I1?") == "I1 1.500"
    assert bench.ask("OVP1?") == "VP1 5.0"
    bench.say("OP1 1")
    assert bench.ask("V1O?").endswith("V")
    assert bench.ask("I1O?").endswith("A")
    assert bench.ask("LSR1?") == "1"
    bench.say("OCP1 0.5")
    bench.loads[0].amperes = 0.8
    assert bench.ask("OP1?") in "01"
    assert bench.ask("LSR1?") == "8"
    assert bench.ask("OP1?") == "0"
    bench.say("OP1 1")
    assert int(bench.ask("*ESR?")) & 0x10
    bench.loads[0].amperes = 0.1
    bench.say("TRIPRST", "OP1 1")
    assert bench.ask("OP1?") == "1"


def test_gpp_examples(talk):
    bench = talk("gwinstek-gpp")
    bench.say("VSET1:3.8", "ISET1:2.5", ":OUTPut2:OVP 10.5", ":OUTPut2:OVP:STATe ON", "ALLOUTON")
    assert bench.ask("VSET1?;ISET1?") == "3.800;2.5000"
    assert bench.ask(":OUTPut2:OVP?") == "10.5"
    assert bench.ask(":OUTPut2:OVP:STATe?") == "ON"
    assert bench.ask(":OUTPut4:STATe?") == "ON"
    assert bench.ask("VOUT1?").endswith("V")
    assert bench.ask(":MEAS1:ALL?").count(",") == 2
    bench.say(":SOUR2:VOLT 11")
    assert bench.ask(":OUTPut2:OVP:TRIGer?") == "ON"
    bench.say("OUT0")
    assert bench.ask("STATUS?") == "11010011"


@pytest.mark.parametrize("name", ["rs-nge100", "rs-hmp", "rs-ngm200"])
def test_rs_switches_follow_the_front_panel(talk, name):
    bench = talk(name)
    bench.say("INST OUT2", "VOLT 5")
    assert bench.ask("OUTP:GEN?") == "0"
    bench.loop.call(lambda: bench.supply.outputs[1].switch(True, "ctl"))
    assert bench.ask("OUTP:SEL?;:OUTP:GEN?;:OUTP?") == "1;1;1"
    bench.loop.call(lambda: bench.supply.outputs[1].switch(False, "ctl"))
    assert bench.ask("OUTP?;:OUTP:SEL?") == "0;0"
    bench.say("INST OUT1", "OUTP ON")  # the second stays as it was left
    assert bench.ask("OUTP?;:INST OUT2;:OUTP?") == "1;0"
