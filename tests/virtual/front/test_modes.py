"""The modes of Figure 5 as a table: each of its transitions is made by a module, no other can be made."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cellbench.catalogue.model import Form, Series
from cellbench.virtual.device.module import Input
from cellbench.virtual.device.pace import Pace, Timing
from cellbench.virtual.front.bytestream import EscapeFinder
from cellbench.virtual.front.context import Call, CommandContext, DataEnd, DataLink
from cellbench.virtual.front.data import DataMode
from cellbench.virtual.front.state import TRANSITIONS, IllegalMove, Mode, Move, OnlineCall, PortState

FIGURE = {
    ("command", "LINE", "executing"), ("executing", "RESULT", "command"),
    ("executing", "PROMPT", "prompt"), ("prompt", "TAKEN", "executing"),
    ("executing", "CONNECT", "data"), ("data", "LEFT", "executing"),
    ("executing", "HELD", "online command"), ("online command", "LINE", "executing"),
    ("online command", "DTR_OFF", "executing"), ("online command", "CARRIER_LOST", "command")}


def at(state: PortState) -> Mode:
    """A mode reached by legal moves."""
    ways = {PortState.COMMAND: (), PortState.EXECUTING: (Move.LINE,),
            PortState.PROMPT: (Move.LINE, Move.PROMPT),
            PortState.DATA: (Move.LINE, Move.CONNECT), PortState.ONLINE: (Move.LINE, Move.HELD)}
    mode = Mode()
    for move in ways[state]:
        mode.move(move)
    assert mode.state is state
    return mode


def test_only_the_moves_of_the_figure() -> None:
    made = set()
    for state in PortState:
        for move in Move:
            mode = at(state)
            if move in TRANSITIONS[state]:
                mode.move(move)
                made.add((state.value, move.name, mode.state.value))
            else:
                with pytest.raises(IllegalMove):
                    mode.move(move)
                assert mode.state is state
    assert made == FIGURE


ROOT = Path(__file__).resolve().parents[3]


def test_the_picture_and_the_page_show_the_table() -> None:
    spec = importlib.util.spec_from_file_location("cellbench_modes", ROOT / "docs/pictures/modes.py")
    assert spec is not None
    assert spec.loader is not None
    picture = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(picture)
    table = {(state, move): target for state, row in TRANSITIONS.items() for move, target in row.items()}
    assert set(picture.ARROWS) == {(state.name, move.name) for state, move in table}
    sheet = picture.drawing()
    assert all(part in (ROOT / "docs/pictures/at-modes.svg").read_text() for part in sheet.parts)
    page = (ROOT / "docs/at-modes.md").read_text()
    for (state, move), target in table.items():
        assert f"\n| {state.value} | {move.value} | {target.value} |\n" in page


class Sink:
    def __init__(self) -> None:
        self.link: DataLink | None = None
        self.taken = bytearray()
        self.times = 0

    def opened(self, link: DataLink) -> None:
        self.link = link
        self.times += 1

    def received(self, data: bytes) -> None:
        self.taken += data


class Caller:
    """A call of the UART's port, as dial-up makes one; every move is written down."""

    def __init__(self, driven: Any) -> None:
        self.driven, self.port, self.sink = driven, driven.module.uart.port, Sink()
        self.hung_up = 0
        self.moves: list[tuple[str, str, str]] = []
        moves = self.moves

        class Noting(Mode):
            __slots__ = ()

            def move(self, move: Move) -> None:
                before = self.state
                super().move(move)
                moves.append((before.value, move.name, self.state.value))

        assert self.port.state is PortState.COMMAND
        self.port.mode = Noting()

    async def run(self) -> None:
        await self.port.run_data_mode("CONNECT", self.sink)

    async def hang_up(self) -> None:
        self.hung_up += 1

    def dial(self) -> None:
        """What ATD does."""
        self.port.mode.move(Move.LINE)
        self.port.online = OnlineCall(self.run, self.hang_up)

        async def work() -> None:
            async with self.driven.module.turn.of(self.port):
                await self.run()
            self.port.write_result("OK")
            self.port.finish_line()

        self.driven.loop.create_task(work())
        self.driven.run(0.01)

    def escape(self) -> list[str]:
        self.driven.run(2.1)
        self.driven.uart.clear()
        self.driven.send(b"+++")
        self.driven.run(1.0)
        return self.driven.lines()


def test_a_module_makes_every_move(lena: Any) -> None:
    call = Caller(lena)
    context = CommandContext(lena.module, call.port, Call("+TEST", Form.EXECUTE))
    call.port.mode.move(Move.LINE)
    task = lena.loop.create_task(context.payload("@", 2, timeout_s=10))
    lena.run(0.01)
    lena.send(b"xy")
    lena.run(0.1)
    assert task.result() == b"xy"
    call.port.finish_line()

    call.dial()
    assert call.escape() == ["OK"]
    assert lena.at("AT+GMI") == ["u-blox", "OK"]
    lena.send(b"ATO\r")
    lena.run(0.1)
    assert (lena.lines(), call.sink.times) == (["CONNECT"], 2)
    assert call.escape() == ["OK"]
    assert lena.at("ATH") == ["OK"]
    assert call.hung_up == 1
    lena.send(b"ATO\r")
    lena.run(0.1)
    assert lena.lines() == ["NO CARRIER"]

    call.dial()
    call.escape()
    lena.at("AT&D2")
    lena.module.set_input(Input.DTR, False)
    lena.run(0.1)
    assert (lena.lines(), call.hung_up) == (["NO CARRIER"], 2)
    lena.module.set_input(Input.DTR, True)

    call.dial()
    call.escape()
    call.port.online = None
    call.port.call_lost()
    assert lena.lines() == ["NO CARRIER"]
    assert set(call.moves) == FIGURE


@pytest.mark.parametrize("mode", [0, 1, 2])
@pytest.mark.parametrize("usb", [False, True], ids=["uart", "usb"])
def test_dtr_off_in_data_mode(module: Any, mode: int, usb: bool) -> None:
    """V.250 6.2.9: &D0 ignores it, &D1 and &D2 leave data mode; a USB port's DTR goes with its host."""
    port = module.module.uart.port
    if usb:
        face = next(one for one in module.module.usb_faces if one.role == "at")
        face.set_open(True)
        port = face.port
    port.settings.circuit_108 = mode
    port.mode.move(Move.LINE)
    task = module.loop.create_task(port.run_data_mode("CONNECT", Sink()))
    module.run(0.1)
    if usb:
        face.set_open(False)
    else:
        module.module.set_input(Input.DTR, False)
    module.run(0.1)
    assert task.done() is (mode > 0)
    if mode == 0:
        port.end_data(DataEnd.FINISHED)
        module.run(0.1)
    assert task.result() is (DataEnd.DTR_OFF if mode else DataEnd.FINISHED)
    port.finish_line()


@pytest.mark.parametrize(("register", "value", "settings_", "ends"), [
    ("S2", 35, {}, "###"), ("S2", 200, {}, ""), ("S2", 35, {"escape_s2_link": False}, "+++"),
    ("S12", 200, {"escape_s12": True}, ""), ("S12", 20, {"escape_s12": True}, "+++"),
    ("S12", 200, {}, "+++")])
def test_registers_of_the_escape(driven: Callable[..., Any], register: str, value: int,
                                 settings_: dict[str, object], ends: str) -> None:
    """LARA-R6 guide 9.1.4 for S2; S12 where a series counts it, in units of 20 ms."""
    one = driven(Series.LARA_R6, **settings_)
    one.ready()
    assert one.at(f"AT{register}={value}") == ["OK"]
    for text in ("+++", "###"):
        port, sink = one.module.uart.port, Sink()
        port.mode.move(Move.LINE)
        task = one.loop.create_task(port.run_data_mode("CONNECT", sink))
        one.run(2.5)
        one.send(text.encode())
        one.run(1.0)
        assert task.done() is (text == ends)
        if not task.done():
            port.end_data(DataEnd.FINISHED)
            one.run(0.1)
            assert bytes(sink.taken) == text.encode()
        port.finish_line()


def test_s2_has_no_effect_on_ppp(lara: Any) -> None:
    """A sibling's manual."""
    lara.at("ATS2=35")
    call = Caller(lara)
    call.dial()
    assert call.escape() == ["OK"]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.3, 0.55, 1.5, 2.1]), st.sampled_from(
    [b"+", b"+", b"++", b"+++", b"++++", b"a", b"a+"])), max_size=10))
def test_what_was_held_goes_on_in_order(pieces: list[tuple[float, bytes]]) -> None:
    """Whatever the timing: all bytes of the host but an escape sequence's reach the sink, in order."""
    asyncio.run(_held(pieces))


async def _held(pieces: list[tuple[float, bytes]]) -> None:
    loop = asyncio.get_running_loop()
    clock = [loop.time()]
    due: list[tuple[float, Callable[[], None]]] = []

    class Hand(Pace):
        __slots__ = ()

        def now(self) -> float:
            return clock[0]

        def later_true(self, seconds: float, action: Callable[[], None]) -> Any:
            entry = (clock[0] + seconds, action)
            due.append(entry)

            class Handle:
                def cancel(self) -> None:
                    if entry in due:
                        due.remove(entry)

            return Handle()

    def passes(seconds: float) -> None:
        end = clock[0] + seconds
        while due and min(due, key=lambda one: one[0])[0] <= end:
            first = min(due, key=lambda one: one[0])
            due.remove(first)
            clock[0] = first[0]
            first[1]()
        clock[0] = end

    pace, sink = Hand(Timing.REAL), Sink()
    data = DataMode(pace, sink, lambda _: None, EscapeFinder(43, 2.0, 0.5, clock[0]), 0.5)
    running = loop.create_task(data.run())
    await asyncio.sleep(0)
    sent = b""
    for pause, piece in pieces:
        passes(pause)
        if data.link.open:
            sent += piece
            data.receive(piece)
    passes(5.0)
    escaped = not data.link.open
    data.end(DataEnd.FINISHED)
    assert (await running is DataEnd.ESCAPED) is escaped
    assert bytes(sink.taken) == (sent.removesuffix(b"+++") if escaped else sent)
    assert not escaped or sent.endswith(b"+++")


ACTIONS = st.sampled_from([
    b"AT\r", b"AT+COPS=?\r", b"A", b"ATO\r", b"ATH\r", b"ATZ\r", b"AT&D1\r", b"AT&D2\r", b"AT&D0\r",
    b"+++", b"x\r", b'AT+UDWNFILE="x",3\r', b"abc", b"\x1b", "dial", "done", "carrier", "dtr",
    0.01, 0.3, 2.2, 12.0])


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ACTIONS, max_size=25))
def test_whatever_happens_the_port_moves_by_the_table(module: Any, actions: list[Any]) -> None:
    """Lines, escapes, DTR, calls that begin, end and get lost, in any order; then a command is answered."""
    call = Caller(module)
    port = call.port
    for action in actions:
        if isinstance(action, bytes):
            module.send(action)
        elif isinstance(action, float):
            module.run(action)
        elif action == "dial" and port.state is PortState.COMMAND:
            call.dial()
        elif action == "done":
            port.end_data(DataEnd.FINISHED)
        elif action == "carrier" and port.state is PortState.ONLINE:
            port.online = None
            port.call_lost()
        elif action == "dtr":
            module.module.set_input(Input.DTR, not module.module.input(Input.DTR))
    module.module.set_input(Input.DTR, True)
    for _ in range(2):  # a command may be on its way to data mode
        module.run(130)
        port.end_data(DataEnd.FINISHED)
    module.run(1)
    module.send(b"\r")
    module.run(1)
    module.uart.clear()
    assert module.at("ATE0V1Q0")[-1] == "OK"
    assert set(call.moves) <= FIGURE
    port.online = None
    module.at("AT")
    assert module.loop.failures == []
