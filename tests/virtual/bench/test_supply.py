"""The virtual supply, driven by PyVISA as any instrument is, and its outputs by themselves."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pyvisa

from cellbench.virtual.bench.output import Mode, SupplyOutput, Trip
from cellbench.virtual.bench.supply import Supply


@dataclass
class Resistor:
    """A load that draws a set current at any voltage, nothing without."""

    amperes: float = 0.02
    volts: list[float] = field(default_factory=list)

    def set_supply(self, volts: float) -> None:
        self.volts.append(volts)

    def current_a(self) -> float:
        return self.amperes if self.volts and self.volts[-1] > 0.1 else 0.0


@pytest.fixture
def load() -> Resistor:
    return Resistor()


@pytest.fixture
def supply(loop, load, tmp_path):
    async def make():
        outputs = [SupplyOutput(load, tmp_path / "supply.log", 1),
                   *(SupplyOutput(None, None, 0) for _ in range(3))]
        instrument = Supply(1, outputs)
        instrument.bound = await instrument.start()
        return instrument

    instrument = loop.run(make())
    yield instrument
    loop.run(instrument.stop("rack-stop"))


@pytest.fixture
def visa(supply):
    manager = pyvisa.ResourceManager("@py")
    session = manager.open_resource(f"TCPIP::127.0.0.1::{supply.bound}::SOCKET", read_termination="\n",
                                    write_termination="\n", timeout=3000)
    yield session
    session.close()
    manager.close()


def test_identity_and_selection(visa):
    assert visa.query("*IDN?").startswith("CELLBENCH,VPS-4,V0000001,")
    visa.write("INST:NSEL 3")
    assert visa.query("INST:NSEL?") == "3"
    assert visa.query("instrument:select?") == "OUT3"
    assert visa.query("SYST:ERR?") == '0,"No error"'


def test_settings_come_back_and_switching_feeds_the_load(visa, load, tmp_path):
    assert visa.query("INST:NSEL 1;:VOLT 3.8;CURR 2.5;:OUTP ON;OUTP?;:VOLT?;CURR?") == "1;3.8000;2.5000"
    assert load.volts[-1] == pytest.approx(3.8)
    assert float(visa.query("MEAS:VOLT?")) == pytest.approx(3.8, abs=0.005)
    time.sleep(0.15)  # the charging current of the board is over after a few time constants of 20 ms
    assert float(visa.query("MEAS:CURR?")) == pytest.approx(0.02, rel=0.05)
    visa.write("OUTP OFF")
    assert visa.query("OUTP?") == "0"
    assert load.volts[-1] == 0.0
    lines = (tmp_path / "supply.log").read_text().splitlines()
    assert [line.split()[2:] for line in lines] == [["output", "on", "scpi"], ["output", "off", "scpi"]]
    utc_ns, monotonic_ns = (int(text) for text in lines[0].split()[:2])
    assert abs(utc_ns - time.time_ns()) < 60e9
    assert 0 < time.monotonic_ns() - monotonic_ns < 60e9


@pytest.mark.parametrize(("message", "number", "text"), [
    ("FOO", -113, "Undefined header"), ("VOLT 99", -222, "Data out of range"),
    ("VOLT", -109, "Missing parameter"), ("VOLT 1,2", -108, "Parameter not allowed"),
    ("VOLT 3 A", -131, "Invalid suffix"), ("VOLT three", -104, "Data type error"),
    ("OUTP MAYBE", -224, "Illegal parameter value"), ("INST:NSEL 5", -222, "Data out of range"),
    ("VOLT \"", -102, "Syntax error"), ("MEAS:VOLT 3", -113, "Undefined header"),
])
def test_errors_are_queued_with_their_numbers(visa, message, number, text):
    visa.write(message)
    assert visa.query("SYST:ERR?") == f'{number},"{text}"'
    assert visa.query("SYST:ERR?") == '0,"No error"'


def test_error_queue_overflows_into_its_last_place(visa):
    for _ in range(30):
        visa.write("FOO")
    assert visa.query("SYST:ERR:COUN?") == "20"
    errors = [visa.query("SYST:ERR?") for _ in range(20)]
    assert errors[0].startswith("-113")
    assert errors[-1] == '-350,"Queue overflow"'
    visa.write("*CLS")
    assert visa.query("*ESR?") == "0"


def test_status_registers(visa):
    visa.write("*CLS;*ESE 32;*SRE 32")
    visa.write("FOO")
    assert int(visa.query("*STB?")) & 0x64 == 0x64
    assert int(visa.query("*ESR?")) & 0x20
    assert visa.query("*OPC?") == "1"


def test_units_min_max_and_long_forms(visa):
    visa.write(":SOURCE:VOLTAGE:LEVEL:IMMEDIATE:AMPLITUDE 3800 mV")
    assert visa.query("VOLT?") == "3.8000"
    assert visa.query("VOLT? MAX") == "20.0000"
    visa.write("CURR MAX")
    assert visa.query("CURR?") == "5.0000"
    visa.write("*RST")
    assert visa.query("VOLT?;:OUTP?") == "0.0000;0"


def test_current_limit_lets_the_voltage_fall(visa, load, supply):
    visa.write("VOLT 4;CURR 0.5;:OUTP ON")
    load.amperes = 1.0
    assert float(visa.query("MEAS:VOLT?")) == pytest.approx(2.0, abs=0.01)
    assert float(visa.query("MEAS:CURR?")) == pytest.approx(0.5, rel=0.01)
    assert visa.query("STAT:OPER:COND?") == "1024"
    assert supply.outputs[0].mode is Mode.CONSTANT_CURRENT


def test_over_current_protection_trips_and_is_cleared(visa, load, tmp_path):
    visa.write("VOLT 4;CURR 0.5;CURR:PROT:STAT ON;DEL 0;:OUTP ON")
    assert visa.query("CURR:PROT:TRIP?") == "0"
    load.amperes = 1.0
    visa.query("MEAS:CURR?")
    assert visa.query("CURR:PROT:TRIP?;:OUTP?;:STAT:QUES:COND?") == "1;0;2"
    assert load.volts[-1] == 0.0
    assert (tmp_path / "supply.log").read_text().splitlines()[-1].endswith("output off ocp-trip")
    visa.write("OUTP ON")
    assert visa.query("SYST:ERR?") == '-221,"Settings conflict"'
    load.amperes = 0.1
    visa.write("OUTP:PROT:CLE;:OUTP ON")
    assert visa.query("OUTP?") == "1"


def test_over_voltage_protection_trips(visa, supply):
    visa.write("VOLT 4;VOLT:PROT 4.5;:OUTP ON")
    visa.write("VOLT 5")
    assert visa.query("VOLT:PROT:TRIP?;:OUTP?") == "1;0"
    assert supply.outputs[0].tripped is Trip.OVER_VOLTAGE


def test_second_client_waits_until_the_first_leaves(visa, supply):
    manager = pyvisa.ResourceManager("@py")
    other = manager.open_resource(f"TCPIP::127.0.0.1::{supply.bound}::SOCKET", read_termination="\n",
                                  write_termination="\n", timeout=200)
    other.write("*IDN?")
    with pytest.raises(pyvisa.errors.VisaIOError):
        other.read()
    visa.close()
    other.timeout = 3000
    assert other.read().startswith("CELLBENCH")
    other.close()
    manager.close()


def test_too_long_a_message_is_an_overrun(visa):
    visa.write("V" * 5000)
    assert visa.query("SYST:ERR?") == '-363,"Input buffer overrun"'


def test_meter_noise_is_small_and_the_same_for_a_seed(tmp_path):
    def readings(seed: int) -> list[float]:
        output = SupplyOutput(Resistor(), None, seed)
        output.voltage_v = 3.8
        output.switch(True, "test")
        return [output.measured_voltage_v() for _ in range(20)]

    assert readings(7) == readings(7)
    assert readings(7) != readings(8)
    assert all(abs(reading - 3.8) < 0.003 for reading in readings(7))


def test_log_grows_over_restarts(tmp_path: Path):
    for _ in range(2):
        output = SupplyOutput(None, tmp_path / "supply.log", 0)
        output.switch(True, "ctl")
        output.close("rack-stop")
    assert len((tmp_path / "supply.log").read_text().splitlines()) == 4
