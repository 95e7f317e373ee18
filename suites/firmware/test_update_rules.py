"""What holds for every way of updating: LENA-R8 guide 11, 11.1, 11.2, Table 47; LARA-R6 by its manuals and,
marked so, those of relatives."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from cellbench.api import (
    Channel,
    Dut,
    Method,
    Network,
    NotPossible,
    Package,
    Packages,
    PackageStore,
    Recorder,
    Stage,
    UpdateEvent,
    Updater,
    UpdateRefused,
    own_unit,
    procedure,
)

from .fota import store_by_serial
from .preservation import OWN

BOTH = ("LENA-R8", "LARA-R6")
UPDATES = ("expendable",)
PROGRESS = ("+UFWPREVAL", "+UFWINSTALL", "+UUFWINSTALL", "+UFWUPD")
PACKAGE = "updatePackage.bin"
SILENT_S = 0.3
WEAK = ("guess", "sibling's manual")  # evidence that never decides a FAIL alone
GUIDE_PORT, GUIDE_RATE = 1, 115_200  # Tables 48 and 52


def _at_ports(dut: Dut) -> dict[str, Channel]:
    """Every AT port that the slot has now."""
    return {role: dut.port(role) for role in dut.slot.roles()}


def _holds(ranges: str, number: int) -> bool:
    """True when a list of a test form, "(0-1,3)", holds a number."""
    spans = re.findall(r"(\d+)(?:-(\d+))?", ranges)
    return any(int(low) <= number <= int(high or low) for low, high in spans)


@procedure("R8:11", "R8:11.1", "R8:11.2",
           title="Updates by AT commands are offered on every AT port, UART and USB (Table 47)", series=BOTH)
def test_every_port_offers_updates(dut: Dut, record: Recorder) -> None:
    """The test forms of both commands, asked on each port; they name the port and the rate of the guide's
    examples."""
    for role, channel in _at_ports(dut).items():
        channel.sync(10.0)
        for name in ("+UFWUPD", "+UFWINSTALL"):
            answer = channel.send(f"AT{name}=?", check=False)
            if not answer.ok:
                record.note(f"{role}: {answer.command} is refused; no document promises this form")
                continue
            fields = answer.value(name)
            assert _holds(str(fields[0]), GUIDE_PORT), f"{role}: {answer.info} without port {GUIDE_PORT}"
            assert _holds(str(fields[1]), GUIDE_RATE), f"{role}: {answer.info} without {GUIDE_RATE} bit/s"


@procedure("R8:11.1", "R8:11.2", title="An order that cannot begin an update changes nothing", series=BOTH)
def test_refused_orders_change_nothing(dut: Dut, record: Recorder) -> None:
    """A mistake in +UFWUPD is told at the rate in use, all else would be at the new one (guide 11.1.1);
    +UFWINSTALL has nothing to install. The module goes on at once, without a restart."""
    before = dut.identify(sim=False).firmware
    PackageStore(dut.at).discard()
    mark = dut.at.urcs.mark()
    for line in ("AT+UFWUPD", "AT+UFWUPD=9,115200", "AT+UFWUPD=1,1234", "AT+UFWUPD=x",
                 "AT+UFWINSTALL=9", "AT+UFWINSTALL=1,115200,,1"):
        answer = dut.send(line, check=False)
        assert not answer.ok, f"{line} is taken"
        record.note(f"{line}: {answer.final.text}")
        assert dut.send("AT").ok
    assert dut.identify(sim=False).firmware == before
    assert not [event for event in dut.at.urcs.since(mark) if event.prefix in (*PROGRESS, "greeting")]


@procedure("R8:11.2", title="A package lies apart from the user's files and cannot be read", series=BOTH)
def test_packages_lie_apart(dut: Dut, record: Recorder) -> None:
    """Its own partition, chosen by the tag FOAT."""
    store = PackageStore(dut.at)
    try:
        store_by_serial(dut, b"no package at all")
        assert store.list() == (PACKAGE,)
        apart = PACKAGE not in dut.files.list()
        record.note(f"it is {'not ' if apart else ''}among the user's files")
        assert apart or not store.documented(Method.SERIAL), "a package is among the user's files"
        read = dut.send(f'AT+URDFILE="{PACKAGE}","FOAT"', check=False)
        record.note(f"reading it: {read.final.text}; by a relative's manual only download and deletion work")
    finally:
        store.discard()
    assert not store.list()


@procedure("R8:11", "R8:11.2",
           title="A stored package waits for +UFWINSTALL: neither its arrival nor a restart installs it",
           series=BOTH, needs=UPDATES)
def test_a_stored_package_waits(dut: Dut, package: Packages) -> None:
    """Table 47: storing it is one stage, its validation begins by command, the installation after that. (An
    update over AT goes through all of them by itself: see the procedures of 11.1.1.)"""
    before, chosen = dut.identify(sim=False).firmware, package()
    with dut.at.expect(PROGRESS) as progress:
        try:
            store_by_serial(dut, chosen)
            dut.reboot()
            assert dut.identify(sim=False).firmware == before, "a package was installed without +UFWINSTALL"
            assert PackageStore(dut.at).held(), "the stored package is gone after a restart"
            assert not progress.heard, f"progress of an update that nobody ordered: {progress.heard}"
        finally:
            PackageStore(dut.at).discard()


@procedure("R8:11.2.2", title="While the module updates itself it takes no AT command on any other port",
           series=BOTH, needs=UPDATES)
def test_nothing_else_while_updating(dut: Dut, record: Recorder, package: Packages,
                                     updater: Callable[..., Updater]) -> None:
    """Asked on each other port during the check of a package that a damaged byte spoils; it is refused, and
    all ports answer again."""
    own_unit(dut.slot, dut)
    before, chosen = dut.identify(sim=False).firmware, package()
    others = {role: port for role, port in _at_ports(dut).items() if port is not dut.at}
    if not others:
        raise NotPossible(f"slot {dut.slot.name} has one AT port only",
                          remedy="name a second one under ports")
    for port in others.values():
        port.sync(10.0)
    answered: list[str] = []
    asked: list[UpdateEvent] = []

    def ask(event: UpdateEvent) -> None:
        if event.stage is Stage.CHECKING and not asked:
            asked.append(event)
            answered.extend(role for role, port in others.items() if not port.silent(SILENT_S))

    store_by_serial(dut, _spoilt(chosen))
    update = updater(dut, ask)
    try:
        with pytest.raises(UpdateRefused) as refused:
            update.install(chosen, method=Method.SERIAL)
        record.note(f"a damaged package: {refused.value.code}, {refused.value.meaning}")
        if not asked:
            record.note("the check told no progress, so nobody was asked meanwhile")
        record.note(f"asked during the check: {', '.join(others)}; answered: {', '.join(answered) or 'none'}")
        if update.facts.busy.source.evidence.value not in WEAK:
            assert not answered, f"AT was answered in the middle of the update on {', '.join(answered)}"
        for role in others:
            dut.port(role).sync(dut.slot.timing.boot_max_s)
        assert dut.identify(sim=False).firmware == before
    finally:
        PackageStore(dut.at).discard()


def _spoilt(package: Package) -> bytes:
    """The package with a byte in its middle inverted."""
    data = bytearray(package.data())
    data[len(data) // 2] ^= 0xFF
    return bytes(data)


@procedure("R8:11.4", title="Factory settings after an update leave the firmware as it is",
           series=BOTH, needs=UPDATES)
def test_factory_restore_keeps_the_firmware(dut: Dut, network: Network) -> None:
    """+UFACTORY is the guide's advice after an update that is to begin with default settings."""
    before = dut.identify(sim=False).firmware
    dut.ensure(OWN)
    dut.send("AT+UFACTORY=2,1")
    dut.reboot()
    try:
        assert dut.identify(sim=False).firmware == before
        assert "kept.example" not in " ".join(dut.send("AT+CGDCONT?").info), "the restore did nothing"
    finally:
        if network.apn:
            dut.ensure(f'AT+CGDCONT=1,"IP","{network.apn}"')


@procedure("R8:13.1", "R8:11.2", title="This series has no firmware download by LwM2M")
def test_no_download_by_lwm2m(dut: Dut) -> None:
    """FTP and HTTP remain (13.1, Table 54); +UFOTASTAT, which LARA-R6 has for it, is refused."""
    for line in ("AT+UFOTASTAT?", "AT+UFOTASTAT=1"):
        assert not dut.send(line, check=False).ok, line
