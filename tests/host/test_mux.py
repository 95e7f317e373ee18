"""The host's multiplexer against the virtual module's, which another hand wrote, over the rack's UART."""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Iterator

import pytest

from cellbench.base.clock import Deadline
from cellbench.base.errors import FrameworkError, NotPossible
from cellbench.base.trace import Direction
from cellbench.catalogue.modules import profile_for
from cellbench.host.channel import Channel
from cellbench.host.death import DeathKind
from cellbench.host.errors import AtError, UnexpectedReset
from cellbench.host.mux import Mux, Recovery
from cellbench.host.mux_line import MuxEnded, MuxRefused, MuxSilent
from cellbench.host.mux_settings import MuxParameters
from cellbench.host.transcript import Transcript
from cellbench.io.pipe import PortLost, PortStuck
from cellbench.io.ports import open_pipe

from .rack import SLOTS, Module, Rack, wait_registered

WAIT_S = 20.0
SMALL = MuxParameters(n1=31, t1=20, n2=3, t2=30)
"""Short frames, and short time-outs: T1 0.2 s, T2 0.3 s."""
ECHO = ("echo.u-blox.com", 7)


@pytest.fixture(scope="module", params=list(SLOTS))
def uart(rack: Rack, request: pytest.FixtureRequest) -> Iterator[Module]:
    """A module of each series by its UART."""
    name, transcript = request.param, Transcript()
    channel = Channel(open_pipe(rack.uarts[name]), profile_for(SLOTS[name]), trace=transcript, name="uart")
    channel.start()
    try:
        channel.sync(WAIT_S)
        channel.send("AT+CMEE=2")
        yield Module(name, SLOTS[name], channel, transcript, rack)
    finally:
        channel.stop()


def test_every_channel_is_an_ordinary_channel(uart: Module) -> None:
    with Mux(uart.channel) as mux:
        assert sorted(mux.channels) == list(range(1, mux.facts.channels + 1))
        for channel in mux.channels.values():
            assert channel.send("AT+CGMM").text.startswith(channel.profile.model_prefix)
        assert 0 < mux.test(secrets.token_bytes(40)) < WAIT_S
        with pytest.raises(FrameworkError, match="carries a multiplexer"):
            uart.channel.send("AT")
        assert (mux.count.lost_frames, mux.count.breaches) == (0, 0)
    assert uart.channel.send("AT").ok
    assert uart.channel.settings.cmee == 2
    with pytest.raises(FrameworkError, match="no multiplexer"):
        mux.test()


def test_channels_keep_their_own_settings_and_are_used_by_several_threads(uart: Module) -> None:
    with Mux(uart.channel, parameters=SMALL) as mux:
        errors: list[BaseException] = []

        def talk(channel: Channel, echo: int) -> None:
            try:
                channel.send(f"ATE{echo}")
                for _ in range(10):
                    assert channel.send("AT+CGSN").text.isdigit()
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=talk, args=(channel, number % 2))
                   for number, channel in mux.channels.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT_S)
        assert errors == []


def test_data_mode_on_one_channel_while_at_runs_on_another(uart: Module) -> None:
    with Mux(uart.channel, parameters=MuxParameters(n1=127)) as mux:
        at, data = mux.channels[1], mux.channels[2]
        at.send("AT+CMEE=2")
        assert wait_registered(at)
        if not any(row[:2] == (1, 1) for row in at.send("AT+CGACT?").fields("+CGACT")):
            at.send('AT+CGDCONT=1,"IP","internet.wind.biz"')
            at.send("AT+CGACT=1,1")
        number = at.send("AT+USOCR=6").value("+USOCR")[0]
        at.send(f'AT+USOCO={number},"{ECHO[0]}",{ECHO[1]}')
        sent = secrets.token_bytes(20_000).replace(b"+", b"-")
        data.send("AT&D1")
        with data.open_data(f"AT+USODL={number}") as link:
            assert data.in_data_mode
            assert data.wait_line("dcd", True, WAIT_S)
            link.write(sent[:10_000])
            assert at.send("AT+CGMM").ok
            link.write(sent[10_000:])
            assert link.read_exactly(len(sent), WAIT_S) == sent
            assert at.send("AT").ok
            link.escape_by(lambda: data.set_line("dtr", False))
        data.set_line("dtr", True)
        assert data.send("AT").ok
        at.send(f"AT+USOCL={number}")


def test_secrets_are_blanked_above_and_below_across_frames(uart: Module) -> None:
    secret = "geheim" + secrets.token_hex(8)
    with Mux(uart.channel, parameters=MuxParameters(n1=10)) as mux:
        channel, mark = mux.channels[1], uart.transcript.mark()
        channel.send("ATE1")
        channel.send(f'AT+UHTTP=0,3,"{secret}"', check=False)
        records = uart.transcript.records(mark)
    below = [record for record in records if record.port == "uart"]
    above = [record for record in records if record.port == channel.name]
    assert {record.direction for record in below} == {Direction.TX, Direction.RX}
    for records in (below, above):
        stream = b"".join(record.data for record in records)
        letters = [place for place in range(len(stream) - 3) if stream[place:place + 4] in secret.encode()]
        assert letters == [], stream
        assert b"***" in stream


def test_lines_by_msc(uart: Module) -> None:
    with Mux(uart.channel, channels=1) as mux:
        channel = mux.channels[1]
        assert channel.lines() == {"cts": True, "dsr": True, "dcd": channel.lines()["dcd"], "ri": False}
        channel.set_line("dtr", False)
        channel.set_line("dtr", True)
        with pytest.raises(NotPossible):
            channel.set_rate(9600)
        assert channel.send("AT").ok


def test_flags_wake_a_module_that_sleeps_until_data_come(uart: Module) -> None:
    """They go before the first frame after a silence, and before no other."""
    with Mux(uart.channel, parameters=MuxParameters(waking_flags=4), channels=1) as mux:
        mux.channels[1].wait_until(lambda: False, 1.1)
        mark = uart.transcript.mark()
        mux.test(b"?")
        mux.test(b"?")
        sent = [one.data for one in uart.transcript.records(mark)
                if one.port == "uart" and one.direction is Direction.TX]
    assert [data[:5] == b"\xf9" * 5 for data in sent] == [True, False]


def test_the_host_holds_a_channel_and_all(uart: Module) -> None:
    with Mux(uart.channel) as mux:
        channel = mux.channels[1]
        for hold in (lambda on: mux.hold(1, on), mux.hold_all):
            hold(True)
            mark = uart.transcript.mark()
            channel.write_raw(b"AT+CGMM\r")
            assert mux.test() > 0, "the control channel is never held"
            assert [one for one in uart.transcript.records(mark)
                    if one.port == channel.name and one.direction is Direction.RX] == []
            hold(False)
            assert channel.wait_until(lambda: any("R" in str(one) for one in channel.strays), WAIT_S)
            channel.strays.clear()
            channel.wait_until(lambda: False, 0.05)
            assert channel.send("AT").ok


def test_the_module_holds_a_channel(uart: Module) -> None:
    with Mux(uart.channel) as mux:
        first, second = mux.channels[1], mux.channels[2]
        uart.ctl("mux", "flow=off", "channel=1")
        assert first.wait_until(lambda: mux.signals(1).fc, WAIT_S)
        with pytest.raises(PortStuck):
            mux.pipe(1).write(b"AT\r", Deadline.after(0.1))
        assert second.send("AT").ok
        uart.ctl("mux", "flow=on", "channel=1")
        assert first.send("AT", timeout_s=WAIT_S).ok


def test_a_channel_that_the_module_closes_is_lost_and_opens_again(uart: Module) -> None:
    with Mux(uart.channel) as mux:
        first = mux.channels[1]
        uart.ctl("mux", "state=close", "channel=1")
        with pytest.raises(PortLost):
            first.wait_until(lambda: False, WAIT_S)
        assert isinstance(first.lost, MuxEnded)
        assert mux.channels[2].send("AT").ok
        first.reopen()
        first.sync(WAIT_S)
        assert first.send("AT").ok


def test_the_module_closes_down_and_the_host_recovers(uart: Module) -> None:
    with Mux(uart.channel, parameters=SMALL) as mux:
        assert mux.recover() is Recovery.ALIVE
        mux.channels[1].send("AT+CMEE=1")
        uart.ctl("mux", "state=close")
        assert mux.wait_left(WAIT_S)
        with pytest.raises(PortLost):
            mux.channels[1].send("AT")
        assert mux.recover() is Recovery.LEFT
        for channel in mux.channels.values():
            assert channel.send("AT").ok
        with pytest.raises(AtError, match=r"\+CME ERROR: \d+$"):
            mux.channels[1].send("AT+UGPIOR=99")


def test_a_module_that_is_still_in_multiplexer_mode_is_closed_blindly(uart: Module) -> None:
    """The host has lost its thread; the module has not: plain AT stays unanswered."""
    with Mux(uart.channel, parameters=SMALL) as mux:
        mux._running().end(PortLost("the host forgot"))
        with pytest.raises(PortLost):
            mux.channels[1].send("AT")
        assert mux.recover() is Recovery.DEAF
        for channel in mux.channels.values():
            assert channel.send("AT").ok


def test_a_reboot_is_noticed_by_the_greeting_on_the_bare_uart(uart: Module) -> None:
    boot_s = uart.channel.profile.power.boot_max_s.value
    uart.channel.send('AT+CSGT=1,"I am back"')
    with Mux(uart.channel, parameters=SMALL) as mux:
        first, second = mux.channels[1], mux.channels[2]
        with second.declare_reboot(boot_s), first.declare_reboot(boot_s):
            first.send("AT" + first.profile.reboot_command.value)
            mux.wait_left(boot_s)
        if mux.left is None:  # autobauding and rates: the greeting may come at another rate than the host's
            pytest.fail(f"no greeting among {bytes(mux.outside)!r}")
        assert "I am back" in mux.left
        assert mux.recover() is Recovery.LEFT
        assert first.send("AT").ok
        assert second.send("AT").ok


def test_a_reset_that_nobody_declared_ends_the_command_under_way(uart: Module) -> None:
    uart.channel.send('AT+CSGT=1,"I am back"')
    with Mux(uart.channel, parameters=SMALL) as mux:
        first = mux.channels[1]
        waiting = threading.Event()

        def restart() -> None:
            waiting.wait(WAIT_S)
            uart.ctl("reset")

        thread = threading.Thread(target=restart)
        thread.start()
        def talk_on() -> None:
            while True:
                first.send("AT+CGMM", timeout_s=WAIT_S)

        waiting.set()
        with pytest.raises(UnexpectedReset):
            talk_on()
        thread.join(WAIT_S)
        assert DeathKind.GREETING in {sign.kind for sign in first.deaths.signs}
        assert mux.left is not None
    assert uart.channel.send("AT").ok


def test_refusals(uart: Module) -> None:
    with pytest.raises(AtError):
        Mux(uart.channel, parameters=MuxParameters(n1=0)).open()
    assert uart.channel.send("AT").ok
    with Mux(uart.channel, channels=1, parameters=SMALL) as mux:
        with pytest.raises(MuxRefused, match="channel 9"):
            mux.channel(9)
        with pytest.raises(AtError):
            mux.channels[1].send("AT+CMUX=0")
        assert mux.channels[1].send("AT").ok


def test_urcs_of_all_channels_count_once(uart: Module) -> None:
    with Mux(uart.channel) as mux:
        assert wait_registered(mux.channels[1])
        view = mux.urcs
        for channel in mux.channels.values():
            channel.send("AT+CEREG=1")
        mark = view.urcs.mark()
        with view.expect("+CEREG") as gone:
            uart.ctl("network", "state=lost")
            event = gone.wait(WAIT_S)
        assert view.wait_until(lambda: len(view.copies(event)) == len(mux.channels), WAIT_S)
        assert [one.text for one in view.urcs.since(mark)].count(event.text) == 1
        uart.ctl("network", "state=found")
        assert wait_registered(mux.channels[1])
        for channel in mux.channels.values():
            channel.send("AT+CEREG=0")


def test_a_lost_uart_is_lost_for_every_channel(uart: Module) -> None:
    """The connection to the UART's server breaks: PortLost everywhere, and the UART opens anew."""
    mux = Mux(uart.channel, parameters=SMALL)
    mux.open()
    channels = tuple(mux.channels.values())
    link = uart.channel._pipe._socket  # type: ignore[attr-defined]
    link.shutdown(socket.SHUT_RDWR)
    for channel in channels:
        with pytest.raises(PortLost):
            channel.wait_until(lambda: False, WAIT_S)
        assert not channel.is_up
    with pytest.raises((PortLost, MuxSilent)):
        mux.test()
    mux.close()
    assert uart.channel.send("AT").ok
