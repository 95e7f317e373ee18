"""Modes of an application: LENA-R8 guide 3.3.1 to 3.3.4."""

from __future__ import annotations

import pytest

from cellbench.api import Dut, Recorder, procedure


@procedure("R8:3.3.1", title="AT+UDCONF=81 is not supported")
def test_test_sim_switch_is_refused(dut: Dut) -> None:
    """Authentication and integrity check cannot be switched off."""
    assert not dut.send("AT+UDCONF=81,0", check=False).ok
    assert dut.send("AT").ok


@pytest.mark.demo
@procedure("R8:3.3.1", title="Diagnostic commands pass through", depends_on=("network",))
def test_diagnostic_access(registered: Dut, record: Recorder) -> None:
    """Commands and their responses go to the log; the last error cause can be asked."""
    for line in ("AT+CEER", "AT+CSQ", "AT+CEREG?", "AT+CGATT?"):
        answer = registered.send(line)
        assert answer.ok
        record.note(f"{line}: {' / '.join(answer.info)}")


@procedure(
    "R8:3.3.2", title="Production testing: the application is silent, AT commands configure the module"
)
def test_production_mode(dut: Dut) -> None:
    """Identity can be read with the radio off."""
    dut.send("AT+CFUN=0")
    try:
        assert dut.send("AT+CGSN").text.isdigit()
        assert dut.send("ATI").info
        assert dut.send("AT+CFUN?").value("+CFUN")[0] == 0
    finally:
        dut.send("AT+CFUN=1")


@procedure(
    "R8:3.3.3", title="Certification mode: the module is controlled from outside", depends_on=("network",)
)
def test_certification_mode(registered: Dut) -> None:
    """Radio off and on by command; the module comes back by itself."""
    registered.send("AT+CFUN=0")
    try:
        assert registered.registration() in (0, 4)
    finally:
        registered.send("AT+CFUN=1")
    registered.register()


@procedure("R8:3.3.4", title="Update commands are there and refuse what they must")
def test_update_mode(dut: Dut) -> None:
    """No package on the module: nothing to install; the firmware stays as it is."""
    before = dut.send("ATI9").info
    assert not dut.send("AT+UFWINSTALL=9,9", check=False).ok
    assert dut.send("ATI9").info == before
