"""Tests that fail in many ways, for tests/acceptance/failure_collector.py."""

import contextlib
import threading
import time

import pytest

from cellbench.api import UnitError, Updater, procedure

BOTH = ("LENA-R8", "LARA-R6")
SECRET = "hush.hush.example"


def beside(work):
    """Do this in a thread that outlives the test for a while; returns once it has begun."""
    begun = threading.Event()

    def run():
        with contextlib.suppress(Exception):
            work(begun)

    threading.Thread(target=run, daemon=True).start()
    assert begun.wait(10.0)


@pytest.fixture
def undo(request, far_side):
    """What the far side does when the test is over, for what must last beyond its failure."""
    def later(verb, **values):
        request.addfinalizer(lambda: far_side.act(verb, **values))
    return later


@pytest.fixture
def broken(dut):
    raise UnitError("the fixture failed")


@pytest.fixture
def breaks(dut):
    yield
    raise UnitError("the teardown failed")


def test_assert(registered):
    assert registered.send("AT+CGMM").text == "another module"


def test_pytest_fail(dut):
    pytest.fail("by pytest's own function")


def test_at_error(dut):
    dut.send("AT+COPS=9")


def test_unit_error(dut):
    raise UnitError("an error of the unit")


def test_setup(broken):
    pass


def test_teardown(breaks):
    pass


def test_exception(dut):
    raise ValueError("a mistake of the test")


def test_secret(dut, request):
    """The password stands where a poll shows it: as an APN. The series order the two differently."""
    request.addfinalizer(lambda: dut.send("AT+CGDCONT=2"))  # stored: nobody would know it for a secret later
    dut.send(f'AT+CGDCONT=2,"IP","{SECRET}"')
    for pair in (f'"user","{SECRET}"', f'"{SECRET}","user"'):
        dut.send(f"AT+UAUTHREQ=2,1,{pair}", check=False)
    pytest.fail("a secret was set")


def test_timeout(dut, far_side):
    far_side.act("hang", state="on")
    dut.send("AT+CGMM", timeout_s=0.5)


def test_dead(dut, far_side):
    far_side.act("hang", state="on")
    assert not dut.at.silent(0.3)


def test_slow(dut, far_side, undo):
    undo("slow", state="off")
    far_side.act("slow", state="on", ms="700")
    pytest.fail("every answer takes 0.7 s")


def test_power_cut(dut, far_side):
    far_side.act("power", state="off")
    dut.send("AT+CGMM", timeout_s=0.5)


def test_switched_off(dut):
    dut.slot.power_off()
    pytest.fail("off")


def test_reset(dut, far_side):
    far_side.act("reset")
    pytest.fail("the module restarts")


@procedure("R8:7.1", title="no network", series=BOTH, depends_on=("network",))
def test_no_network(registered, far_side, undo):
    undo("network", state="found")
    far_side.act("network", state="lost")
    assert registered.wait_registration(lambda stat: stat not in (1, 5), 30.0)
    pytest.fail("no network")


def test_no_sim(dut, far_side, undo):
    undo("sim", state="in")
    far_side.act("sim", state="out")
    pytest.fail("no SIM")


def test_usb_pulled(dut, far_side, undo):
    undo("usb", state="plug")
    far_side.act("usb", state="unplug")
    pytest.fail("the USB cable is out")


def test_usb_pulled_while_used(dut, far_side, undo):
    port = dut.port("at0")
    port.send("AT")
    undo("usb", state="plug")
    far_side.act("usb", state="unplug")
    for _ in range(100):
        port.send("AT", timeout_s=0.5, check=False)


def test_uart_silent(dut, far_side, undo):
    undo("uart", noise="0", drop="0")
    far_side.act("uart", noise="0", drop="1")
    dut.send("AT+CGMM", timeout_s=0.5)


def test_all_cables(dut, far_side, undo):
    undo("uart", noise="0", drop="0")
    undo("usb", state="plug")
    far_side.act("usb", state="unplug")
    far_side.act("uart", noise="0", drop="1")
    dut.send("AT+CGMM", timeout_s=0.5)


def test_closed(dut):
    dut.at.stop()
    pytest.fail("the port is closed")


def test_data_mode(online):
    online.at.open_data(f"ATD*99***{online.cid}#")
    pytest.fail("in data mode")


def test_multiplexed(dut, request):
    mux = dut.mux()
    mux.__enter__()
    request.addfinalizer(lambda: mux.__exit__(None, None, None))
    pytest.fail("the UART carries a multiplexer")


def test_held(dut):
    def hold(begun):
        with dut.at.turn(5.0):
            begun.set()
            time.sleep(4.0)

    beside(hold)
    pytest.fail("a thread keeps the channel")


def test_paused(dut):
    def hold(begun):
        with dut.at.paused():
            begun.set()
            time.sleep(4.0)

    beside(hold)
    pytest.fail("a thread has paused the channel")


def test_locked(dut):
    def hold(begun):
        with dut.at.link.silence(), dut.at.link.mutex:
            begun.set()
            time.sleep(4.0)

    beside(hold)
    pytest.fail("a thread keeps reader and lock")


def test_read(dut):
    def read(begun):
        with dut.at.expect("+CREG") as heard:
            begun.set()
            heard.wait(4.0)

    beside(read)
    pytest.fail("a thread reads")


def test_busy(dut, far_side, undo):
    undo("slow", state="off")
    far_side.act("slow", state="on", ms="4000")

    def send(begun):
        begun.set()
        dut.at.send("AT+CGMM", timeout_s=6.0)

    beside(send)
    until = time.monotonic() + 10.0
    while not dut.slot.ports.group.busy_beside(""):
        assert time.monotonic() < until
        time.sleep(0.01)
    pytest.fail("a thread's command is under way")


def test_updating(dut):
    def stop(event):
        raise UnitError(f"stopped while {event.stage.value}")

    Updater(dut, report=stop).unserved()


def test_good(dut):
    assert dut.send("AT").ok
