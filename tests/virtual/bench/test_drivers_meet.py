"""The house's drivers meet the simulators, each written by other hands from the same manuals."""

import pytest

from cellbench.base.errors import NotPossible, RigError
from cellbench.instruments.open import open_supply
from cellbench.virtual.bench.dialects.families import FAMILIES
from cellbench.virtual.bench.output import Trip

LOGGING = ("keysight-n6700", "rs-ngm200")
NO_TRIPS = ("siglent-spd3303x",)


@pytest.fixture
def meet(talk):
    """``meet(name)``: the simulator's bench and the driver of its kind."""
    opened = []

    def make(name):
        bench = talk(name)
        bench.file.close()
        bench.socket.close()  # one client at a time
        opened.append(open_supply(f"supply.{name}", {
            "resource": f"TCPIP::127.0.0.1::{bench.port}::SOCKET", "identity": bench.supply.identity}))
        return bench, opened[-1]

    yield make
    for driver in opened:
        driver.close()


@pytest.mark.parametrize("name", FAMILIES)
def test_set_switch_trip_and_clear(meet, name):
    bench, driver = meet(name)
    output = driver.output(1)
    output.set_voltage_v(3.8)
    output.set_current_limit_a(2.0)
    output.enable(True)
    assert bench.loads[0].volts == pytest.approx(3.8)
    assert output.measure_voltage_v() == pytest.approx(3.8, abs=0.02)
    bench.loop.call(lambda: bench.supply.outputs[0].trip(Trip.OVER_CURRENT))
    assert not output.is_enabled()
    if name not in NO_TRIPS:
        assert output.tripped() == "over-current"
    output.clear_trip()
    assert not bench.supply.outputs[0].enabled  # whatever the family does with a trip that is cleared
    assert output.tripped() is None
    output.enable(True)
    assert output.is_enabled()
    with pytest.raises(RigError):
        output.set_voltage_v(99.0)
    output.enable(False)
    assert bench.loads[0].volts == 0.0


@pytest.mark.parametrize("name", FAMILIES)
def test_fast_current_log(meet, name):
    _, driver = meet(name)
    output = driver.output(1)
    if name not in LOGGING:
        with pytest.raises(NotPossible, match="fast current log"):
            output.log_current(0.1, 1000.0)
        return
    output.set_voltage_v(3.8)
    output.set_current_limit_a(2.0)
    output.enable(True)
    log = output.log_current(0.4, 1000.0)
    assert log.rate_hz == pytest.approx(1000.0, rel=0.1)
    assert len(log.amperes) == 400
    assert log.amperes[-1] == pytest.approx(0.02, rel=0.1)
