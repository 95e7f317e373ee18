"""What every family's supply must do, each in its own words; and what the faults make of it."""

import socket
from dataclasses import dataclass

import pytest

from cellbench.virtual.bench.dialects.families import FAMILIES
from cellbench.virtual.bench.faults import Cut


@dataclass(frozen=True)
class Words:
    """How a family says things about its first channel."""

    volts: str
    volts_query: str
    limit: str
    limit_query: str
    on: str
    on_query: str
    off: str
    meter: str
    amperes: str
    error: str
    out_of_range: str
    first: tuple[str, ...] = ()
    yes: str = "1"


def selected(select: str, clear: str, error: str) -> Words:
    return Words("VOLT {}", "VOLT?", "CURR {}", "CURR?", "OUTP ON", "OUTP?", "OUTP OFF", "MEAS:VOLT?",
                 "MEAS:CURR?", "SYST:ERR?", error, (select,) if select else ())


def listed(error: str) -> Words:
    return Words("VOLT {},(@1)", "VOLT? (@1)", "CURR {},(@1)", "CURR? (@1)", "OUTP ON,(@1)", "OUTP? (@1)",
                 "OUTP OFF,(@1)", "MEAS:VOLT? (@1)", "MEAS:CURR? (@1)", "SYST:ERR?", error)


WORDS = {
    "scpi-generic": selected("INST:NSEL 1", "", '-222,"Data out of range"'),
    "keysight-e36300": listed('-222,"Data out of range"'),
    "keysight-e36100": selected("", "", '-222,"Data out of range"'),
    "keysight-n6700": listed('-222,"Data out of range"'),
    "rs-nge100": selected("INST OUT1", "", '-222,"Data out of range"'),
    "rs-hmp": selected("INST OUT1", "", '-222, "Data out of range"'),
    "rs-ngm200": selected("INST OUT1", "", '-222,"Data out of range"'),
    "rigol-dp800": Words(":SOUR1:VOLT {}", ":SOUR1:VOLT?", ":SOUR1:CURR {}", ":SOUR1:CURR?", ":OUTP CH1,ON",
                         ":OUTP? CH1", ":OUTP CH1,OFF", ":MEAS:VOLT? CH1", ":MEAS:CURR? CH1", ":SYST:ERR?",
                         '-222,"Data out of range"', yes="ON"),
    "siglent-spd3303x": Words("CH1:VOLT {}", "CH1:VOLT?", "CH1:CURR {}", "CH1:CURR?", "OUTP CH1,ON",
                              "SYST:STAT?", "OUTP CH1,OFF", "MEAS:VOLT? CH1", "MEAS:CURR? CH1", "SYST:ERR?",
                              "-222  Data out of range", yes="0x14"),
    "tti-cpx-ql": Words("V1 {}", "V1?", "I1 {}", "I1?", "OP1 1", "OP1?", "OP1 0", "V1O?", "I1O?", "EER?",
                        "100"),
    "gwinstek-gpp": Words("VSET1:{}", "VSET1?", "ISET1:{}", "ISET1?", ":OUTP1:STAT ON", ":OUTP1:STAT?",
                          ":OUTP1:STAT OFF", "VOUT1?", "IOUT1?", ":SYST:ERR?", '-222,"Data out of range"',
                          yes="ON"),
}


def test_every_family_is_judged():
    assert set(WORDS) == set(FAMILIES)


@pytest.mark.parametrize("name", WORDS)
def test_set_switch_measure_and_refuse(talk, name):
    bench, words = talk(name), WORDS[name]
    assert bench.family.model in bench.ask("*IDN?")
    bench.say(*words.first, words.volts.format("3.8"), words.limit.format("2"))
    assert bench.value(words.volts_query) == pytest.approx(3.8)
    assert bench.value(words.limit_query) == pytest.approx(2.0)
    assert bench.value(words.meter) == pytest.approx(0.0, abs=0.01)
    bench.say(words.on)
    assert bench.ask(words.on_query) == words.yes
    assert bench.loads[0].volts == pytest.approx(3.8)
    assert bench.value(words.meter) == pytest.approx(3.8, abs=0.01)
    bench.say(words.volts.format("99"))
    assert bench.ask(words.error) == words.out_of_range
    assert bench.value(words.volts_query) == pytest.approx(3.8)
    bench.loads[0].amperes = 4.0
    assert bench.value(words.meter) == pytest.approx(1.9, abs=0.02)  # half of what the load wants
    assert bench.value(words.amperes) == pytest.approx(2.0, rel=0.01)
    bench.say(words.off)
    assert bench.ask(words.on_query) != words.yes
    assert bench.loads[0].volts == 0.0


@pytest.mark.parametrize("name", WORDS)
def test_an_unknown_command_is_silent_and_leaves_an_error(talk, name):
    bench, words = talk(name), WORDS[name]
    assert bench.silent("FROB?")
    if name == "tti-cpx-ql":
        assert int(bench.ask("*ESR?")) & 0x20
    else:
        assert bench.ask(words.error).startswith("-113")
        assert bench.ask(words.error).lstrip("+").startswith("0")


@pytest.mark.parametrize("name", WORDS)
def test_what_the_control_room_breaks(talk, name):
    bench, words = talk(name), WORDS[name]
    supply = bench.supply
    bench.say(*words.first, words.volts.format("3.8"), words.limit.format("2"))
    bench.loop.call(lambda: supply.pretend("ACME,1,2,3"))
    assert bench.ask("*IDN?") == "ACME,1,2,3"
    bench.loop.call(lambda: supply.pretend(None))
    supply.outputs[0].faults.set_error = 0.2
    assert bench.value(words.volts_query) == pytest.approx(4.56)
    supply.faults.stale = True
    before = bench.ask("*IDN?")
    assert before != supply.identity  # the voltage again
    assert bench.ask(words.limit_query) == supply.identity
    bench.loop.run(supply.mend())
    supply.faults.error = -222
    bench.say(words.volts.format("3.7"))
    assert bench.ask(words.error) == words.out_of_range
    bench.loop.run(supply.cut(Cut.ANSWER))
    bench.say("*IDN?")
    assert 0 < len(bench.file.read()) < len(supply.identity)
    bench.loop.run(supply.cut(Cut.DEAD))
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", bench.port), 2).close()
    bench.loop.run(supply.mend())
    socket.create_connection(("127.0.0.1", bench.port), 2).close()
