"""Back to the factory configuration: LENA-R8 guide 6.2, Table 14; LARA-R6 by its manuals.

These procedures erase the unit's settings and files: they run on units that the rig file calls expendable.
"""

from __future__ import annotations

import secrets

import pytest

from cellbench.api import Dut, Network, procedure

BOTH = ("LENA-R8", "LARA-R6")
ERASES = ("expendable",)
OWN_APN = 'AT+CGDCONT=4,"IP","kept.example"'


def _prepare(dut: Dut) -> tuple[str, bytes]:
    """A file and a context of our own; the file's name and content."""
    name, content = f"kept-{secrets.token_hex(4)}", secrets.token_bytes(40)
    dut.files.put(name, content)
    dut.ensure(OWN_APN)
    dut.ensure("AT+UPSV=3")
    return name, content


def _has_context(dut: Dut) -> bool:
    return any(fields[0] == 4 for fields in dut.send("AT+CGDCONT?").fields("+CGDCONT"))


def _power_saving(dut: Dut) -> int:
    return int(dut.send("AT+UPSV?").value("+UPSV")[0] or 0)


def _clean(dut: Dut, name: str) -> None:
    dut.files.delete(name, missing_ok=True)
    dut.ensure("AT+CGDCONT=4")
    dut.ensure("AT+UPSV=0")


@procedure("R8:6.2", title="Delete all settings and files: AT+UFACTORY=2,1 as printed", series=BOTH,
           needs=ERASES)
def test_as_printed(dut: Dut, network: Network) -> None:
    """Nothing happens before the reboot; afterwards files and settings are gone and the flag is down."""
    name, content = _prepare(dut)
    assert dut.send("AT+UFACTORY=2,1").ok
    assert dut.send("AT+UFACTORY?").value("+UFACTORY") == (2, 1)
    assert dut.files.get(name) == content, "no restore is performed so far"
    assert _has_context(dut)
    dut.reboot()
    assert not dut.files.has(name)
    assert not _has_context(dut)
    assert _power_saving(dut) == 0
    assert dut.send("AT+UFACTORY?").value("+UFACTORY") == (0, 0), "the flag is still up"
    if network.apn:
        dut.ensure(f'AT+CGDCONT=1,"IP","{network.apn}"')


@procedure("R8:6.2", title="A restore is cancelled by AT+UFACTORY=0,0 before the reboot", series=BOTH,
           needs=ERASES)
def test_cancelled(dut: Dut) -> None:
    """The reboot then restores nothing."""
    name, content = _prepare(dut)
    try:
        dut.send("AT+UFACTORY=2,1")
        dut.send("AT+UFACTORY=0,0")
        assert dut.send("AT+UFACTORY?").value("+UFACTORY") == (0, 0)
        dut.reboot()
        assert dut.files.get(name) == content
        assert _has_context(dut)
        assert _power_saving(dut) == 3
    finally:
        _clean(dut, name)


@procedure("R8:6.2", title="Files and settings are restored apart and together", series=BOTH, needs=ERASES)
@pytest.mark.parametrize(("files", "settings"), [(1, 0), (2, 0), (0, 1), (1, 1)])
def test_combinations(dut: Dut, network: Network, files: int, settings: int) -> None:
    """<fs> 1 and 2 delete the user's files, <nvm> 1 all settings; what was not named stays."""
    name, content = _prepare(dut)
    try:
        dut.send(f"AT+UFACTORY={files},{settings}")
        dut.reboot()
        assert dut.files.has(name) is (files == 0)
        if not files:
            assert dut.files.get(name) == content
        assert _has_context(dut) is (settings == 0)
        assert _power_saving(dut) == (0 if settings else 3)
    finally:
        _clean(dut, name)
        if settings and network.apn:
            dut.ensure(f'AT+CGDCONT=1,"IP","{network.apn}"')


@procedure(title="AT+UFACTORY=0,2 restores the interface's and power saving settings alone",
           series=("LARA-R6",), needs=ERASES)
def test_interface_settings(dut: Dut) -> None:
    """The context stays, power saving is off again."""
    name, content = _prepare(dut)
    try:
        dut.send("AT+UFACTORY=0,2")
        dut.reboot()
        assert _power_saving(dut) == 0
        assert _has_context(dut)
        assert dut.files.get(name) == content
    finally:
        _clean(dut, name)


@procedure("R8:6.2", title="A restore that does not exist is refused and raises no flag", series=BOTH)
def test_refused(dut: Dut) -> None:
    """Values outside <fs> and <nvm>."""
    before = dut.send("AT+UFACTORY?").info
    for line in ("AT+UFACTORY=3,0", "AT+UFACTORY=0,9", "AT+UFACTORY=-1,1", "AT+UFACTORY=x"):
        assert not dut.send(line, check=False).ok, line
    assert dut.send("AT+UFACTORY?").info == before
