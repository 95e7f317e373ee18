"""House rules over every driver, found by reflection: a new one is held to them without being named here."""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import re
import socket
import subprocess
import sys
import threading
import tty
from pathlib import Path

import pytest

import cellbench.instruments
from cellbench.base.errors import NotPossible, RigError
from cellbench.instruments.docs import transcript_of
from cellbench.instruments.kinds import (
    BUILT_IN,
    Ability,
    InstrumentClass,
    built_in_kinds,
    find_kind,
    known_kinds,
)
from cellbench.instruments.settings import InstrumentSettings
from cellbench.instruments.supply.dialect import Dialect

KINDS = built_in_kinds()
UNITS = ("_v", "_a", "_s", "_w", "_hz", "_dbm", "_db", "_bit_s")
HERE = Path(__file__).parent
ROOT = HERE.parents[1]

# a value for each required setting, so that a kind can be opened where nothing is
SAMPLES = {
    "resource": "TCPIP::127.0.0.1::{port}::SOCKET", "host": "127.0.0.1", "port": "{port}",
    "url": "socket://127.0.0.1:{port}", "location": "99-9", "relays": 8, "family": "numato-usb",
    "set": "ATT {value}", "ask": "ATT?", "command": ("program-of-nobody", "{image}"), "tool": "a tool",
}
SPECIAL = {"line.gpiod": {"chip": "/dev/gpiochip99"}, "line.ftdi": {"url": "ftdi://ftdi:232h:NONE/1"},
           "hub.uhubctl": {"program": "uhubctl-of-nobody"}, "attenuator.serial": {"identify": "ID?"}}
# worked by people or by another instrument's connection: nothing is reached at opening
NOT_REACHED = {"line.manual", "supply.relay", "flasher.manual"}


def modules():
    """Every module of the room; those whose extra is not installed are those of no kind."""
    prefix = cellbench.instruments.__name__ + "."
    return [importlib.import_module(found.name)
            for found in pkgutil.walk_packages(cellbench.instruments.__path__, prefix)]


def classes():
    return [value for module in modules() for value in vars(module).values()
            if inspect.isclass(value) and value.__module__ == module.__name__]


def methods(cls):
    """Public methods with those that it inherits."""
    return {name: value for name, value in inspect.getmembers(cls, inspect.isfunction)
            if not name.startswith("_")}


def is_protocol(cls):
    return getattr(cls, "_is_protocol", False)


MODELS = [cls for cls in classes() if is_protocol(cls) and cls.__module__.endswith(".model")]
# what opens and closes, and what such a thing hands out
DRIVERS = [cls for cls in classes() if not is_protocol(cls) and (
    {"identity", "close"} <= set(methods(cls)) or "set_voltage_v" in methods(cls))]


def by_name(values):
    return pytest.mark.parametrize("one", values, ids=lambda one: getattr(one, "kind", None) or one.__name__)


def test_there_is_something_to_hold():
    assert {cls.__name__ for cls in MODELS} >= {"Supply", "SupplyOutput", "LineBoard", "Contacts"}
    assert {cls.__name__ for cls in DRIVERS} >= {
        "NumatoEthernetBoard", "GpiodLines", "FtdiLines", "UhubctlHub"}


# -- kinds -----------------------------------------------------------------------------------------


@by_name(KINDS)
def test_kind_is_named_after_its_class(one):
    assert one.kind.partition(".")[0] == one.serves.value
    assert re.fullmatch(r"[a-z]+\.[a-z0-9-]+", one.kind)


@by_name(KINDS)
def test_settings_say_what_they_are(one):
    assert issubclass(one.settings, InstrumentSettings)
    assert one.settings.__doc__, one.kind
    for name, field in one.settings.model_fields.items():
        assert field.description, f"{one.kind}: {name} says nothing of itself"
        if float in (field.annotation, *getattr(field.annotation, "__args__", ())):
            assert name.endswith(UNITS), f"{one.kind}: {name} has no unit in its name"
    config = one.settings.model_config
    assert (config["frozen"], config["strict"], config["extra"]) == (True, True, "forbid")


@by_name(KINDS)
def test_kind_says_models_source_and_abilities(one):
    assert one.models
    assert all(one.models)
    assert len(one.source) > 15, f"{one.kind}: say which manual, and where in it"
    assert not one.source.endswith("."), one.kind
    assert one.abilities, one.kind
    of_class = {InstrumentClass.LINE: Ability.DRIVE, InstrumentClass.HUB: Ability.SWITCH_USB,
                InstrumentClass.FLASHER: Ability.FLASH}
    assert of_class.get(one.serves) in one.abilities | {None}
    assert (Ability.MEASURE_CURRENT in one.abilities) <= (one.serves is InstrumentClass.SUPPLY)


@by_name(KINDS)
def test_kind_has_a_transcript(one):
    found = transcript_of(ROOT, one.kind)
    assert found is not None, f"write tests/instruments/transcripts/{one.kind}.yaml"


@by_name(KINDS)
def test_what_is_not_there_is_a_rig_error_that_names_it(one, unused_port):
    if one.kind in NOT_REACHED:
        opened = "reached only through a run"
        assert opened
        return
    with pytest.raises(RigError, match=r"instrument the-one.*(cannot|not installed)") as caught:
        one.open("the-one", sample(one, unused_port))
    assert caught.value.remedy


def sample(kind, port):
    settings = {}
    for name, field in kind.settings.model_fields.items():
        if field.is_required() and name != "kind":
            assert name in SAMPLES, f"{kind.kind}: add a sample for {name} to this test"
            settings[name] = SAMPLES[name]
    filled = {"{port}": port}
    settings |= SPECIAL.get(kind.kind, {})
    return {name: filled.get(value, value.replace("{port}", str(port)) if isinstance(value, str) else value)
            for name, value in settings.items()}


@by_name(KINDS)
def test_equipment_is_told_apart_by_where_it_is(one, unused_port):
    if one.kind in NOT_REACHED:
        return
    settings = sample(one, unused_port)
    assert one.equipment(settings) == one.equipment(dict(settings))
    others = [name for name in ("resource", "host", "url", "location", "chip", "command") if name in settings]
    assert others, f"{one.kind}: by what is it locked?"
    assert one.equipment({**settings, others[0]: "elsewhere"}) != one.equipment(settings)


# -- drivers ---------------------------------------------------------------------------------------


@by_name(DRIVERS)
def test_misspelt_setting_is_an_error(one):
    instance = one.__new__(one)
    assert not hasattr(instance, "__dict__"), "a class without __slots__ takes any attribute"
    with pytest.raises(AttributeError):
        instance.curent_limit_a = 1.0
    assert not {"__getattr__", "__getattribute__", "__setattr__"} & set(vars(one))


@by_name(DRIVERS)
def test_driver_has_every_method_of_a_model(one):
    here = one.__module__.rpartition(".")[0]
    wanted = [model for model in MODELS if model.__module__ == f"{here}.model" or (
        here.endswith(".hub") and model.__name__ == "Contacts")]
    fitting = [model for model in wanted if set(methods(model)) <= set(methods(one))]
    assert fitting, f"{one.__name__} is none of {', '.join(model.__name__ for model in wanted)}"
    for model in fitting:
        for name, method in methods(model).items():
            ours, theirs = inspect.signature(getattr(one, name)), inspect.signature(method)
            assert list(ours.parameters) == list(theirs.parameters), name
            assert name == "output" or ours.return_annotation in (theirs.return_annotation, "NoReturn"), name


@by_name(DRIVERS)
def test_methods_carry_units_and_say_what_they_do(one):
    for name, method in methods(one).items():
        assert method.__doc__, f"{one.__name__}.{name}"
        if name.startswith(("ask_", "set_value")):
            continue  # whatever the command is about
        returns = inspect.signature(method).return_annotation
        if returns == "float":
            assert name.endswith(UNITS), f"{one.__name__}.{name} returns a figure without a unit"
        for parameter in list(inspect.signature(method).parameters.values())[1:]:
            if parameter.annotation == "float":
                assert name.endswith(UNITS) or parameter.name.endswith((*UNITS, "seconds")), f"{name}: a unit"


# -- a connection that dies ------------------------------------------------------------------------

ARGUMENTS = {"int": 1, "float": 1.0, "bool": True, "str": "x"}


def frame():
    spec = importlib.util.spec_from_file_location("cellbench_transcript_rules", HERE / "transcript.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


FRAME = frame()
WITH_BYTES = [kind for kind in KINDS if kind.kind in FRAME.kinds_with_transcript()]


class Dying:
    """Plays a transcript's opening and, once the driver has opened, hangs up for good."""

    def __init__(self, rows):
        self._rows = rows
        self.place = {}
        self.opened, self.gone = threading.Event(), threading.Event()
        self.prepare()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        self.accept()
        for row in self._rows:
            if row.verb == "say":
                self.say(row.data)
                continue
            got = b""
            while row.verb == "get" and len(got) < len(row.data):
                got += self.hear(len(row.data) - len(got))
        self.opened.wait(20)
        self.hang_up()
        self.gone.set()


class DyingServer(Dying):
    def prepare(self):
        self._server = socket.create_server(("127.0.0.1", 0))
        self.place = {"host": "127.0.0.1", "port": self._server.getsockname()[1]}

    def accept(self):
        self._link, _ = self._server.accept()
        self._server.close()
        self._link.settimeout(20)
        self.say, self.hear, self.hang_up = self._link.sendall, self._link.recv, self._link.close


class DyingPort(Dying):
    def prepare(self):
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.place = {"device": os.ttyname(self._slave)}

    def accept(self):
        return

    def say(self, data):
        os.write(self._master, data)

    def hear(self, most):
        return os.read(self._master, most)

    def hang_up(self):
        os.close(self._slave)
        os.close(self._master)


@by_name(WITH_BYTES)
def test_every_method_of_a_dead_connection_raises_only_what_it_may(one):
    """RigError, or NotPossible for what the model cannot do; never a bare OSError, never a hang."""
    data = FRAME.load(one.kind)
    ends = {"host": "\n", "instrument": "\n", **data.get("ends", {})}
    dying = DyingServer if data.get("link", "tcp") == "tcp" else DyingPort
    far = dying(FRAME._rows(data["opening"], ends))
    settings = {key: FRAME._filled(value, far.place)
                for key, value in {**data["settings"], "timeout_s": 0.5}.items()}
    instrument = one.open("the-one", settings)
    far.opened.set()
    assert far.gone.wait(20)
    targets = [instrument]
    if one.serves is InstrumentClass.SUPPLY:
        targets.append(instrument.output(1))
    raised = 0
    for target in targets:
        for name in methods(type(target)):
            if name in {"close", "output", "identity"}:
                continue
            method = getattr(target, name)
            needed = [parameter.annotation for parameter in inspect.signature(method).parameters.values()
                      if parameter.default is parameter.empty]
            if not set(needed) <= set(ARGUMENTS):
                continue  # the engine's own, not of the model
            given = [ARGUMENTS[annotation] for annotation in needed]
            try:
                method(*given)
            except (RigError, NotPossible):
                raised += 1
    assert raised, "no method noticed that nobody was there"
    instrument.close()


# -- the table -------------------------------------------------------------------------------------


def test_dialects_are_complete():
    from cellbench.instruments.supply.scpi import DIALECTS

    for dialect in DIALECTS:
        assert isinstance(dialect, Dialect)
        assert dialect.source, f"{dialect.kind}: say which manual the commands are from"
        assert dialect.models


def test_table_and_modules_agree():
    assert {kind.kind for kind in KINDS} == set(BUILT_IN)
    assert set(BUILT_IN) <= set(known_kinds())


def test_unknown_kind_names_the_nearest():
    with pytest.raises(RigError, match=r"did you mean line.numato-ethernet"):
        find_kind("line.numato-ethernt")




def test_asking_for_a_kind_imports_no_library_of_an_instrument():
    code = ("import sys, cellbench.instruments.kinds as k; [k.find_kind(name) for name in k.BUILT_IN]; "
            "there = {'pyvisa', 'gpiod', 'pyftdi', 'usb', 'serial'} & set(sys.modules); "
            "assert not there, there")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-600:]
