"""The step attenuator and the analyser: by plain sockets, and by the house's own drivers of their kinds."""

import socket
from dataclasses import dataclass, field

import pytest

from cellbench.base.errors import RigError
from cellbench.instruments.open import open_analyser, open_attenuator
from cellbench.virtual.bench.air import TONE_DBM, TONE_HZ, UPLINK_HZ, Air
from cellbench.virtual.bench.analyser import Analyser
from cellbench.virtual.bench.attenuator import Attenuator


@dataclass
class Network:
    """What the path does to one module's network."""

    signal: int = 4
    found: bool = True
    told: list[str] = field(default_factory=list)

    def tell(self, change):
        self.told.append(change.value)


@pytest.fixture
def network():
    return Network()


@pytest.fixture
def air(network):
    return Air([network], lambda: network.found, 1)


@pytest.fixture
def attenuator(loop, air):
    made = Attenuator(1, air.attenuate)
    made.port = loop.run(made.start())
    yield made
    loop.run(made.stop())


@pytest.fixture
def analyser(loop, air):
    made = Analyser(1, air.power_dbm)
    made.port = loop.run(made.start())
    yield made
    loop.run(made.stop())


def ask(port, *lines):
    with socket.create_connection(("127.0.0.1", port), 5) as connection, connection.makefile("rb") as answers:
        found = []
        for line in lines:
            connection.sendall(line.encode() + b"\r\n")
            if "?" in line or "=" in line:
                found.append(answers.readline().decode().strip())
        return found


def test_the_attenuators_text_commands(attenuator):
    assert ask(attenuator.port, ":MN?", ":SN?", ":ATT?") == ["MN=RCDAT-6000-60", "SN=11401010001", "0.00"]
    assert ask(attenuator.port, ":SETATT=12.3", ":ATT?") == ["1", "12.25"]
    assert ask(attenuator.port, ":SETATT=99", ":ATT?") == ["2", "60.00"]
    assert ask(attenuator.port, ":SETATT=much", ":ATT?") == ["0", "60.00"]
    assert ask(attenuator.port, ":FROB?")[0].startswith("-99")


def test_attenuation_weakens_the_network_and_ends_coverage(attenuator, network):
    ask(attenuator.port, ":SETATT=10")
    assert (network.signal, network.found) == (3, True)
    ask(attenuator.port, ":SETATT=36")
    assert (network.signal, network.found) == (0, True)
    ask(attenuator.port, ":SETATT=40")
    assert not network.found
    assert network.told[-1] == "coverage"
    ask(attenuator.port, ":SETATT=0")
    assert (network.signal, network.found) == (4, True)


def test_the_driver_of_its_kind_steers_the_attenuator(attenuator, network):
    driver = open_attenuator("attenuator.scpi", {
        "resource": f"TCPIP::127.0.0.1::{attenuator.port}::SOCKET", "identity": "MN=RCDAT-6000-60"})
    driver.set_attenuation_db(1, 20.0)
    assert driver.attenuation_db(1) == 20.0
    assert network.signal == 1
    with pytest.raises(RigError, match="range"):
        driver.set_attenuation_db(1, 70.0)
    driver.close()


def test_the_analysers_marker_finds_the_tone(analyser):
    assert ask(analyser.port, "*IDN?")[0].startswith("CELLBENCH,VSA-3,")
    found = ask(analyser.port, "INIT:CONT OFF", "FREQ:CENT 100 MHz", "FREQ:SPAN 1 MHz", "FREQ:CENT?", "INIT",
                "*OPC?", "CALC:MARK:MAX", "CALC:MARK:X?", "CALC:MARK:Y?", "SYST:ERR?")
    assert found[0] == "100000000"
    assert float(found[2]) == pytest.approx(TONE_HZ, abs=5e4)
    assert float(found[3]) == pytest.approx(TONE_DBM, abs=1.0)
    assert found[4] == '0,"No error"'
    assert ask(analyser.port, "FREQ:CENT 9 GHz", "SYST:ERR?") == ['-222,"Data out of range"']


def test_the_driver_of_its_kind_sees_a_module_through_the_attenuator(analyser, air, network):
    driver = open_analyser("analyser.scpi", {
        "resource": f"TCPIP::127.0.0.1::{analyser.port}::SOCKET", "identity": "CELLBENCH,VSA-3"})
    driver.set_frequency_hz(UPLINK_HZ)
    driver.set_span_hz(20e6)
    peak = driver.peak()
    assert peak.power_dbm == pytest.approx(-10.0, abs=3.0)
    assert peak.frequency_hz == pytest.approx(UPLINK_HZ, abs=5e6)
    air.attenuate(20.0)
    assert driver.power_dbm() == pytest.approx(-30.0, abs=3.0)
    air.attenuate(60.0)
    assert driver.power_dbm() < -80.0  # without coverage the module is silent
    driver.close()
