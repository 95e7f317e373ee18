"""House rules over every driver, found by reflection: a new one is held to them without being named here."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from cellbench.base.errors import RigError
from cellbench.instruments.kinds import BUILT_IN, InstrumentClass, built_in_kinds, find_kind, known_kinds
from cellbench.instruments.line import model as line_model
from cellbench.instruments.line.numato_ethernet import NumatoEthernetBoard
from cellbench.instruments.settings import InstrumentSettings
from cellbench.instruments.supply import model as supply_model
from cellbench.instruments.supply.scpi import DIALECTS, ScpiOutput, ScpiSupply

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
    for setter in (dialect.set_voltage, dialect.set_current, dialect.set_over_voltage):
        assert setter is None or "{value}" in setter
    assert (dialect.select is not None) or all("{channel}" in template for template in (
        dialect.set_voltage, dialect.voltage, dialect.output, dialect.measure_voltage))
    assert dialect.output_on != dialect.output_off


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
    import subprocess
    import sys

    code = ("import sys, cellbench.instruments.open as o; o.find_kind('supply.scpi-generic'); "
            "assert 'pyvisa' not in sys.modules")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
