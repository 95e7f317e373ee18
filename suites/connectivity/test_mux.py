"""The multiplexer: LENA-R8 guide 5.7, 4.2.2, 8.2; the same on LARA-R6, whose own note is not at hand."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from cellbench.api import (
    AtError,
    Channel,
    Dut,
    DutState,
    FarSide,
    Limit,
    Mux,
    MuxParameters,
    MuxRefused,
    NotPossible,
    Recorder,
    Recovery,
    Service,
    procedure,
)

BOTH = ("LENA-R8", "LARA-R6")
ECHO = ("network", "service:echo")
GREETING = "the module has started"
WAIT_S = 20.0
HASTY = MuxParameters(t1=30, n2=3, t2=30)
"""T1 and T2 0.3 s: a module that is gone shows in little more than a second."""
SABM_OF_CONTROL = bytes.fromhex("F9F9033F011CF9")


def uart_of(dut: Dut) -> Channel:
    """The UART, answering AT; the multiplexer is on it alone."""
    if "uart" not in dut.slot.roles():
        raise NotPossible(f"slot {dut.slot.name} has no UART, and the multiplexer is on the UART alone")
    uart = dut.port("uart")
    uart.sync(10.0)
    return uart


def mux_of(dut: Dut, parameters: MuxParameters | None = None, channels: int | None = None) -> Mux:
    """The multiplexer of a module whose UART answers."""
    uart_of(dut)
    return dut.mux(parameters=parameters, channels=channels)


@contextmanager
def echo_socket(dut: Dut, at: Channel, echo: Service) -> Iterator[int]:
    """A TCP socket connected to the echo server, made on one channel."""
    number = int(at.send("AT+USOCR=6").value("+USOCR")[0])
    try:
        at.send(f'AT+USOCO={number},"{echo.host}",{echo.port}')
        yield number
    finally:
        at.send(f"AT+USOCL={number}", check=False)


def payload(size: int) -> bytes:
    """Random bytes without the character of the escape sequence."""
    return secrets.token_bytes(size).replace(b"+", b"-")


def restart_inside(dut: Dut, mux: Mux) -> None:
    """Reboot the module while it is in multiplexer mode, by a command on channel 1."""
    slot = dut.slot
    for role in tuple(slot.channels):
        if role != "uart":  # on USB the module vanishes; nobody here needs it
            slot.ports.drop(role)
    slot.budget.spend("reboot")
    slot.ports.wear.forget()
    mux.channel(1).send(f"AT{dut.profile.reboot_command.value}")


@contextmanager
def greeting(dut: Dut, text: str | None) -> Iterator[None]:
    """The greeting is ``text``, or off, and afterwards as it was."""
    uart = uart_of(dut)
    before = uart.settings.greeting
    uart.ensure("AT+CSGT=0" if text is None else f'AT+CSGT=1,"{text}"')
    try:
        yield
    finally:
        uart.sync(dut.slot.timing.boot_max_s)
        uart.ensure("AT+CSGT=0" if before is None else f'AT+CSGT=1,"{before}"')


# -- channels ----------------------------------------------------------------------------------------


@procedure("R8:5.7", title="Channel 0 controls, the others carry AT commands", series=BOTH)
def test_channels(dut: Dut, record: Recorder) -> None:
    """Each channel answers for itself; the test command of the control channel comes back; there is no other
    channel."""
    with mux_of(dut) as mux:
        for channel in mux.channels.values():
            assert channel.send("AT+CGMM").text.startswith(dut.profile.model_prefix)
        pattern = secrets.token_bytes(20)
        record.measure("test command of the control channel", mux.test(pattern), "s",
                       Limit(high=mux.parameters.t2 / 100, source="3GPP TS 27.010 5.7: T2"))
        with pytest.raises(MuxRefused):
            mux.channel(30)
        assert mux.channel(1).send("AT").ok
        assert mux.count.lost_frames == 0


@procedure("R8:5.7", "R8:4.2.2", title="Several sessions over one UART at once", series=BOTH)
def test_sessions_at_once(dut: Dut) -> None:
    """Every channel gets the answers to its own commands and to no other's."""
    questions = {1: "AT+CGMM", 2: "AT+CGSN", 3: "AT+CMEE?"}
    with mux_of(dut) as mux:
        wanted = {number: mux.channel(number).send(questions[number]).info for number in mux.channels}
        wrong: list[object] = []

        def ask(number: int) -> None:
            for _ in range(6):
                info = mux.channel(number).send(questions[number]).info
                if info != wanted[number]:
                    wrong.append((number, info))

        threads = [threading.Thread(target=ask, args=(number,)) for number in mux.channels]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60.0)
        assert not wrong


@procedure("R8:4.2.2", title="Commands on two channels are executed in turn", series=BOTH,
           needs=("far-side:slow",))
def test_commands_in_turn(dut: Dut, far_side: FarSide, record: Recorder) -> None:
    """Both are answered, each on its own channel, however long the first one takes."""
    with mux_of(dut) as mux:
        first, second = mux.channel(1), mux.channel(2)
        took: dict[int, float] = {}
        far_side.act("slow", state="on", ms="400")
        try:
            began = time.monotonic()

            def ask() -> None:
                first.send("AT+CGMM")
                took[1] = time.monotonic() - began

            asking = threading.Thread(target=ask)
            asking.start()
            model = second.send("AT+CGMM").text
            took[2] = time.monotonic() - began
            asking.join(30.0)
        finally:
            far_side.act("slow", state="off")
        assert model.startswith(dut.profile.model_prefix)
        for number, seconds in sorted(took.items()):
            record.measure(f"answer on channel {number}", seconds, "s")
        together = max(took.values()) < 1.5 * min(took.values())
        record.note(f"channels are served {'at the same time' if together else 'in turn (4.2.2)'}")


@procedure("R8:5.7", title="A data connection on one channel, AT commands on the others",
           depends_on=ECHO, series=BOTH)
def test_data_beside_commands(online: Dut, services, record: Recorder) -> None:  # type: ignore[no-untyped-def]
    """Bytes to the echo server and back over a direct link, while another channel speaks AT."""
    sent = payload(8000)
    with mux_of(online) as mux:
        at, data = mux.channel(1), mux.channel(2)
        with echo_socket(online, at, services["echo"]) as number:
            with data.open_data(f"AT+USODL={number}") as link:
                half = len(sent) // 2
                link.write(sent[:half])
                assert at.send("AT+CGMM").text.startswith(online.profile.model_prefix)
                link.write(sent[half:])
                assert link.read_exactly(len(sent), 60.0) == sent
                link.escape(both_ways=True)
            assert data.send("AT").ok
        assert mux.count.lost_frames == 0


@procedure("R8:5.7", title="Every channel carries data at the same time", depends_on=ECHO, series=BOTH)
def test_data_on_every_channel(online: Dut, services) -> None:  # type: ignore[no-untyped-def]
    """Each channel has a direct link to a socket of its own; the control channel answers meanwhile."""
    sizes = payload(3000)
    with mux_of(online) as mux:
        first = mux.channel(1)
        numbers = {}
        for number in mux.channels:
            numbers[number] = int(first.send("AT+USOCR=6").value("+USOCR")[0])
            first.send(f'AT+USOCO={numbers[number]},"{services["echo"].host}",{services["echo"].port}')
        for channel in mux.channels.values():
            channel.send("AT&D1")
        links = {number: mux.channel(number).open_data(f"AT+USODL={one}") for number, one in numbers.items()}
        for number, link in links.items():
            link.write(bytes((48 + number,)) + sizes)
        for number, link in links.items():
            assert link.read_exactly(len(sizes) + 1, 60.0) == bytes((48 + number,)) + sizes
        assert mux.test() > 0
        for number, link in links.items():
            channel = mux.channel(number)
            link.escape_by(lambda channel=channel: channel.set_line("dtr", False))
            channel.set_line("dtr", True)
        for one in numbers.values():
            first.send(f"AT+USOCL={one}")


@procedure("R8:5.7", title="A channel is closed and opened again, the others stay", series=BOTH)
def test_one_channel_closes(dut: Dut, record: Recorder) -> None:
    """LENA-R8 is known not to answer the DISC of a channel; it may be opened again all the same."""
    with mux_of(dut) as mux:
        second = mux.channel(2)
        second.stop()
        assert mux.channel(1).send("AT").ok
        second.start()
        second.sync(WAIT_S)
        assert second.send("AT+CGMM").text.startswith(dut.profile.model_prefix)
        silent = "mux_data_disc_unanswered" in dut.profile.quirks
        record.note(f"DISC of a data channel is {'not awaited' if silent else 'answered'}")


# -- parameters --------------------------------------------------------------------------------------


@procedure("R8:5.7", title="+CMUX: what is refused changes nothing", depends_on=(), series=BOTH)
@pytest.mark.parametrize("line", ["AT+CMUX=2", "AT+CMUX=0,1", "AT+CMUX=0,0,,0", "AT+CMUX=0,0,,40000",
                                  "AT+CMUX=0,0,,1500,0", "AT+CMUX=x"])
def test_parameters_refused(dut: Dut, line: str) -> None:
    """No multiplexer mode follows an error: the UART speaks AT."""
    uart = uart_of(dut)
    assert not uart.send(line, check=False).ok, f"{line} was taken"
    assert uart.send("AT").ok


@procedure("R8:5.7", title="The multiplexer is on the UART alone", series=BOTH)
def test_not_on_usb(dut: Dut) -> None:
    """+CMUX on a USB port is refused, and so is a second one inside multiplexer mode."""
    with mux_of(dut, channels=1) as mux:
        with pytest.raises(AtError):
            mux.channel(1).send("AT+CMUX=0")
        assert mux.channel(1).send("AT").ok
    if "at0" not in dut.slot.roles():
        raise NotPossible(f"slot {dut.slot.name} has no USB")
    other = dut.port("at0")
    other.sync(10.0)
    assert not other.send("AT+CMUX=0", check=False).ok
    assert other.send("AT").ok


@procedure("R8:5.7", title="N1 holds in both directions", series=BOTH)
@pytest.mark.parametrize("n1", [31, 127, 1500])
def test_frame_length(dut: Dut, n1: int) -> None:
    """Long command lines and long answers are cut into frames of at most N1 bytes, and nothing is lost."""
    with mux_of(dut, MuxParameters(n1=n1), channels=1) as mux:
        channel = mux.channel(1)
        whole = channel.send("AT+CGMI;+CGMM;+CGSN;+CGMI;+CGMM;+CGSN;+CGMI;+CGMM;+CGSN").info
        assert len(whole) == 9
        assert whole[:3] == whole[3:6] == whole[6:]
        assert (mux.count.lost_frames, mux.count.breaches) == (0, 0), mux.count


# -- leaving -----------------------------------------------------------------------------------------


@procedure("R8:5.7", title="Close down: plain AT on the UART again", series=BOTH)
def test_close_down(dut: Dut) -> None:
    """And it can be started again at once."""
    uart = uart_of(dut)
    for _ in range(2):
        with dut.mux(channels=1) as mux:
            assert mux.channel(1).send("AT").ok
        assert uart.send("AT+CGMM").text.startswith(dut.profile.model_prefix)
    mark, raw = dut.slot.trace.mark(), dut.raw(uart)
    raw.write(SABM_OF_CONTROL + b"\r")
    raw.wait_quiet(0.3, 3.0)
    assert b"\xf9\x03\x73\x01" not in raw.heard_since(mark), "a frame was answered outside multiplexer mode"
    uart.sync(10.0)


@procedure("R8:5.7", title="After a reboot: normal mode, greeting on the bare UART, frames not decoded",
           series=BOTH)
def test_volatile(dut: Dut) -> None:
    """The multiplexer's settings are volatile."""
    boot_s = dut.slot.timing.boot_max_s
    with greeting(dut, GREETING):
        mux = dut.mux(parameters=HASTY)
        with mux:
            with mux.declare_reboot(boot_s):
                restart_inside(dut, mux)
                assert mux.wait_left(boot_s), "no greeting on the bare UART"
            assert GREETING in str(mux.left)
            mark, raw = dut.slot.trace.mark(), dut.raw(mux.at)
            raw.write(SABM_OF_CONTROL + b"\r")
            raw.wait_quiet(0.3, 3.0)
            assert b"\xf9\x03\x73\x01" not in raw.heard_since(mark), "the module still decodes frames"
        assert mux.at.send("AT").ok, "normal mode"


@procedure("R8:5.7", "R8:8.2", title="No answer in multiplexer mode: plain AT, then the multiplexer anew",
           series=BOTH)
def test_recovery(dut: Dut, record: Recorder) -> None:
    """Without a greeting only the missing answer tells that the module has restarted."""
    boot_s = dut.slot.timing.boot_max_s
    with greeting(dut, None), dut.mux(parameters=HASTY) as mux:
        assert mux.recover() is Recovery.ALIVE, "while all is well nothing is started anew"
        with mux.declare_reboot(boot_s):
            restart_inside(dut, mux)
            until = time.monotonic() + boot_s
            while not mux.channel(1).silent(0.5):
                assert time.monotonic() < until, "the channel still answers"
            began = time.monotonic()
            assert mux.recover(boot_s) is Recovery.LEFT
        record.measure("from the missing answer to the multiplexer's return", time.monotonic() - began, "s")
        for channel in mux.channels.values():
            assert channel.send("AT+CGMM").text.startswith(dut.profile.model_prefix)


@procedure("R8:5.7", title="The module closes the multiplexer down, the host starts it again", series=BOTH,
           needs=("far-side:mux",))
def test_module_closes_down(dut: Dut, far_side: FarSide) -> None:
    """CLD by the module."""
    with mux_of(dut, HASTY) as mux:
        far_side.act("mux", state="close")
        assert mux.wait_left(WAIT_S)
        assert mux.recover() is Recovery.LEFT
        assert mux.channel(1).send("AT").ok


# -- signals, flow control, URCs ---------------------------------------------------------------------


@procedure("R8:5.7", title="V.24 signals of a channel: DSR, CTS, DCD by MSC", depends_on=ECHO, series=BOTH)
def test_signals(online: Dut, services) -> None:  # type: ignore[no-untyped-def]
    """DSR and CTS are on; with &C1 DCD is on in data mode and off outside."""
    with mux_of(online) as mux:
        at, data = mux.channel(1), mux.channel(2)
        data.send("AT&C1&D1")
        assert {name: data.lines()[name] for name in ("dsr", "cts", "ri")} == {
            "dsr": True, "cts": True, "ri": False}
        assert data.wait_line("dcd", False, WAIT_S)
        with echo_socket(online, at, services["echo"]) as number:
            with data.open_data(f"AT+USODL={number}") as link:
                assert data.wait_line("dcd", True, WAIT_S), "DCD is off in data mode"
                assert not at.lines()["dcd"], "DCD is on where no data mode is"
                link.escape_by(lambda: data.set_line("dtr", False))
            data.set_line("dtr", True)
            assert data.wait_line("dcd", False, WAIT_S), "DCD is still on in command mode"


@procedure("R8:5.7", "R6:4.2", title="DTR of a channel's MSC ends data mode; the UART's own DTR does not",
           depends_on=ECHO)
def test_dtr(online: Dut, services) -> None:  # type: ignore[no-untyped-def]
    """&D1: DTR from ON to OFF goes to online command mode (LARA-R6 guide 4.2 on MUX and PPP combined)."""
    sent = payload(200)
    with mux_of(online) as mux:
        at, data = mux.channel(1), mux.channel(2)
        data.send("AT&D1")
        with echo_socket(online, at, services["echo"]) as number:
            link = data.open_data(f"AT+USODL={number}")
            mux.at.set_line("dtr", False)
            mux.at.set_line("dtr", True)
            link.write(sent)
            assert link.read_exactly(len(sent), WAIT_S) == sent, "the UART's DTR has ended data mode"
            link.escape_by(lambda: data.set_line("dtr", False))
            data.set_line("dtr", True)
            assert data.send("AT").ok
        data.send("AT&D0")


@procedure("R8:5.7", title="The host holds one channel, or all", series=BOTH)
@pytest.mark.parametrize("all_at_once", [False, True], ids=["FC", "FCoff"])
def test_flow_control(dut: Dut, all_at_once: bool) -> None:
    """A held channel says nothing; what it had to say comes when it is let go."""
    with mux_of(dut) as mux:
        held, free = mux.channel(1), mux.channel(2)
        raw, model = dut.raw(held), dut.profile.model_prefix.encode()

        def hold(on: bool) -> None:
            if not all_at_once:
                mux.hold(1, on)
            elif not mux.hold_all(on):
                raise NotPossible("the module does not know the aggregate flow control (FCoff)")

        hold(True)
        mark = dut.slot.trace.mark()
        raw.write(b"AT+CGMM\r")
        if all_at_once:
            assert mux.test() > 0, "the control channel is never held"
        else:
            assert free.send("AT+CGMM").text.encode().startswith(model)
        assert raw.heard_since(mark) == b""
        hold(False)
        assert held.wait_until(lambda: model in raw.heard_since(mark), WAIT_S)
        raw.wait_quiet(0.1, 3.0)
        assert held.send("AT").ok


@procedure("R8:4.2.2", title="A URC comes on every channel and is one event", series=BOTH,
           depends_on=("network",), needs=("far-side:network",))
def test_urcs(registered: Dut, far_side: FarSide) -> None:
    """The DUT's view counts the copies once."""
    with mux_of(registered) as mux:
        far_side.act("network", tz="+04", dst="0")  # only a change is told
        for channel in mux.channels.values():
            channel.send("AT+CTZR=1")
        mark = mux.urcs.urcs.mark()
        with mux.urcs.expect("+CTZV") as change:
            far_side.act("network", tz="+12", dst="0")
            event = change.wait(WAIT_S)
        assert mux.urcs.wait_until(lambda: len(mux.urcs.copies(event)) == len(mux.channels), WAIT_S)
        assert [one.text for one in mux.urcs.urcs.since(mark)].count(event.text) == 1
        for channel in mux.channels.values():
            channel.send("AT+CTZR=0")


@procedure("R8:5.7", title="The module as a whole over a channel: its sockets and files", depends_on=ECHO,
           series=BOTH)
def test_clients_over_a_channel(dut_at: Callable[[DutState], Dut], services) -> None:  # type: ignore[no-untyped-def]
    """A channel is a port like any other."""
    online = dut_at(DutState.ONLINE)
    with mux_of(online) as mux:
        over = online.over(mux.channel(mux.facts.channels))
        with over.sockets.tcp() as one:
            one.connect(services["echo"].host, services["echo"].port)
            one.send(b"over the multiplexer")
            assert one.recv_exactly(20) == b"over the multiplexer"
        name = f"mux-{secrets.token_hex(3)}"
        over.files.put(name, b"\xf9\xf9" * 50)
        assert online.over(mux.channel(1)).files.get(name) == b"\xf9\xf9" * 50
        over.files.delete(name)
