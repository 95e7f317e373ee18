"""House rules over every driver, found by reflection: a new one is held to them without being named here."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cellbench.base.errors import RigError
from cellbench.instruments.kinds import BUILT_IN, InstrumentClass, built_in_kinds, find_kind, known_kinds
from cellbench.instruments.line import model as line_model
from cellbench.instruments.line.numato_ethernet import NumatoEthernetBoard
from cellbench.instruments.open import open_supply
from cellbench.instruments.settings import InstrumentSettings
from cellbench.instruments.supply import model as supply_model
from cellbench.instruments.supply.scpi import DIALECTS, ScpiOutput, ScpiSupply
from cellbench.rig.load import validate_file

KINDS = built_in_kinds()
DRIVERS = (ScpiSupply, ScpiOutput, NumatoEthernetBoard)
PROTOCOLS = {ScpiSupply: supply_model.Supply, ScpiOutput: supply_model.SupplyOutput,
             NumatoEthernetBoard: line_model.LineBoard}
UNITS = ("_v", "_a", "_s", "_w", "_hz", "_dbm", "_db")
HERE = Path(__file__).parent


def public_methods(cls):
    return {name: value for name, value in vars(cls).items()
            if inspect.isfunction(value) and not name.startswith("_")}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_kind_is_named_after_its_class_and_has_settings(kind):
    assert kind.kind.partition(".")[0] == kind.serves.value
    assert re.fullmatch(r"[a-z]+\.[a-z0-9-]+", kind.kind)
    assert issubclass(kind.settings, InstrumentSettings)
    for name, field in kind.settings.model_fields.items():
        assert field.description, f"{kind.kind}: {name} says nothing of itself"
        if field.annotation is float:
            assert name.endswith(UNITS), f"{kind.kind}: {name} has no unit in its name"
    config = kind.settings.model_config
    assert config["frozen"]
    assert config["strict"]
    assert config["extra"] == "forbid"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_kind_has_a_transcript(kind):
    covered = set()
    for file in HERE.glob("test_*.py"):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "TRANSCRIPT_OF":
                covered |= set(ast.literal_eval(node.value))
    assert kind.kind in covered


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.__name__)
def test_misspelt_setting_is_an_error(driver):
    instance = driver.__new__(driver)
    assert not hasattr(instance, "__dict__"), "a class without __slots__ takes any attribute"
    with pytest.raises(AttributeError):
        instance.curent_limit_a = 1.0
    assert "__getattr__" not in vars(driver)
    assert "__setattr__" not in vars(driver)


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.__name__)
def test_driver_has_every_method_of_its_protocol(driver):
    for name, wanted in public_methods(PROTOCOLS[driver]).items():
        assert list(inspect.signature(getattr(driver, name)).parameters) == (
            list(inspect.signature(wanted).parameters)), name


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.__name__)
def test_methods_carry_units_and_say_what_they_do(driver):
    for name, method in public_methods(driver).items():
        assert method.__doc__, f"{driver.__name__}.{name}"
        hints = inspect.signature(method)
        if hints.return_annotation == "float" and name not in {"ask_number"}:
            assert name.endswith(UNITS), f"{driver.__name__}.{name} returns a figure without a unit"
        if name.startswith("set_") and name != "set_value":
            assert name.endswith(UNITS), f"{driver.__name__}.{name} sets a figure without a unit"


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.kind)
def test_dialect_is_complete(dialect):
    assert dialect.source, "say which manual the commands are from"
    assert dialect.models
    for setters in ((dialect.set_voltage,), (dialect.set_current,), dialect.set_over_voltage):
        assert not setters or any("{value}" in command for command in setters)
    assert bool(dialect.set_over_voltage) == (dialect.over_voltage is not None)
    if dialect.select is None and dialect.channels != 1:
        assert all("{channel}" in command for command in (
            dialect.set_voltage, dialect.voltage.text, dialect.measure_voltage.text, dialect.output_on,
            dialect.output_off, *(command for command in dialect.set_over_voltage)))
    assert dialect.output_on != dialect.output_off
    assert re.compile(dialect.identity)
    assert dialect.errors, "its errors cannot be read"
    assert dialect.kind == "supply.scpi-generic" or dialect.identity != r".+", "any model would be taken"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_what_is_not_there_is_a_rig_error_that_names_it(kind, unused_port):
    settings = {InstrumentClass.SUPPLY: {"resource": f"TCPIP::127.0.0.1::{unused_port}::SOCKET"},
                InstrumentClass.LINE: {"host": "127.0.0.1", "port": unused_port}}[kind.serves]
    with pytest.raises(RigError, match=r"instrument the-one .*cannot") as caught:
        kind.open("the-one", settings)
    assert caught.value.remedy


def test_table_and_modules_agree():
    assert {kind.kind for kind in KINDS} == set(BUILT_IN)
    assert set(BUILT_IN) <= set(known_kinds())


def test_unknown_kind_names_the_nearest():
    with pytest.raises(RigError, match=r"did you mean line.numato-ethernet"):
        find_kind("line.numato-ethernt")


def test_importing_the_table_imports_no_visa():
    code = ("import sys, cellbench.instruments.open as o; o.find_kind('supply.scpi-generic'); "
            "assert 'pyvisa' not in sys.modules")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


OEM = '''
from typing import Literal
from cellbench.instruments.kinds import InstrumentClass, InstrumentKind
from cellbench.instruments.settings import InstrumentSettings, Text

class Settings(InstrumentSettings):
    """An OEM's supply."""
    port: Text
    """Where it is."""

class Supply:
    def __init__(self, name, settings):
        self.name, self.port = name, settings["port"]
    def identity(self):
        return f"OEM at {self.port}"

KIND = InstrumentKind(kind="supply.oem", serves=InstrumentClass.SUPPLY, settings=Settings, open=Supply,
                      equipment=lambda settings: f"oem:{settings['port']}", pins=lambda settings: (2, 0),
                      models=("OEM 1",), source="its manual", abilities=frozenset())
'''


@pytest.fixture
def oem_package(tmp_path, monkeypatch):
    site = tmp_path / "site"
    about = site / "oem_bench-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: oem-bench\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[cellbench.instruments]\nsupply.oem = oem_bench_driver:KIND\n")
    (site / "oem_bench_driver.py").write_text(OEM)
    monkeypatch.syspath_prepend(str(site))
    yield site
    sys.modules.pop("oem_bench_driver", None)


@pytest.mark.usefixtures("oem_package")
def test_driver_of_another_package_is_found_checked_and_opened(tmp_path):
    assert "supply.oem" in known_kinds()
    assert open_supply("supply.oem", {"port": "/dev/x"}, name="psu1").identity() == "OEM at /dev/x"
    rig = tmp_path / "rig.yaml"
    rig.write_text("rig: a\ninstruments:\n  psu1: {kind: supply.oem, port: /dev/x, prt: 1}\nslots:\n  s1:\n"
                   "    series: LARA-R6\n    ports: {uart: {url: /dev/y}}\n    lines: {}\n"
                   "    power: {supply: psu1, channel: 3, voltage_v: 3.8, current_limit_a: 2}\n")
    assert [str(finding).removeprefix(f"{rig}:") for finding in validate_file(rig)] == [
        "3: instruments.psu1.prt: unknown key; did you mean port?",
        "8: slots.s1.lines: LARA-R6 does not start when its supply comes on: pwr_on must be driven; wire "
        "PWR_ON and name it under lines, or leave power away (what cuts power is then NOT_POSSIBLE)",
        "9: slots.s1.power.channel: psu1 has no channel 3; it has 1 to 2"]
