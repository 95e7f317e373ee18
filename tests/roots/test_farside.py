"""The drivers of far sides: what each does, and what it says of what it cannot."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cellbench.base.errors import NetworkError, NotPossible, RigError
from cellbench.base.protocols import Prompter
from cellbench.host.transcript import Transcript
from cellbench.rig.bench import Bench
from cellbench.rig.dut import Dut
from cellbench.rig.load import load_rig
from cellbench.roots.farside import far_side

RIG = """\
rig: pair
slots:
  a:
    series: LENA-R8
    ports: {uart: {url: "socket://127.0.0.1:9"}}
    sim: {ref: s1, number: "+4915111"}
    far_side: FAR
  b:
    series: LARA-R6
    ports: {uart: {url: "socket://127.0.0.1:PORT"}}
    sim: {ref: s2, number: "+4915222"}
"""


@dataclass
class Telephone:
    """A module on a TCP port as far as V.250 and 27.005 go here: it keeps the lines that it was sent."""

    port: int = 0
    busy: bool = False
    heard: list[str] = field(default_factory=list)
    _server: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    def start(self) -> None:
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def stop(self) -> None:
        self._server.close()

    def _serve(self) -> None:
        try:
            client, _ = self._server.accept()
        except OSError:
            return
        text = ""
        with client:
            while data := client.recv(4096):
                text += data.decode("latin-1")
                while match := re.search(r"^([^\r\x1a]*)([\r\x1a])", text):
                    text = text[match.end():]
                    client.sendall(self._answer(match[1].strip(), match[2]).encode())

    def _answer(self, line: str, end: str) -> str:
        if line or end == "\x1a":
            self.heard.append(line + ("^Z" if end == "\x1a" else ""))
        if end == "\x1a":
            return "\r\n+CMS ERROR: 38\r\n" if self.busy else "\r\n+CMGS: 7\r\n\r\nOK\r\n"
        if line.startswith("AT+CMGS"):
            return "\r\n> "
        if line.startswith("ATD"):
            return "\r\nNO CARRIER\r\n" if self.busy else "\r\nOK\r\n"
        return "\r\nOK\r\n" if line else ""


class Around:
    """What a run lends: the other module, a person who always answers so, a note of what was set."""

    def __init__(self, module: Callable[[str], Dut] | None = None, answer: str = "done") -> None:
        self._module = module
        self._answer = answer
        self.asked: list[str] = []
        self.set: list[tuple[str, str, int, float]] = []

    def module(self, slot: str) -> Dut:
        assert self._module is not None
        return self._module(slot)

    def prompter(self) -> Prompter:
        return self

    def ask(self, question: str, *, about: str, answers: tuple[str, ...], within_s: float) -> str:
        self.asked.append(f"{about}: {question}")
        return self._answer

    def attenuate(self, slot: str, instrument: str, channel: int, decibel: float) -> None:
        self.set.append((slot, instrument, channel, decibel))


@pytest.fixture
def rig(tmp_path: Path) -> Callable[..., object]:
    """The rig of two slots with a far side for the first."""

    def write(far: str, port: int = 10):  # type: ignore[no-untyped-def]
        path = tmp_path / "pair.yaml"
        path.write_text(RIG.replace("FAR", far).replace("PORT", str(port)))
        return load_rig(path)

    return write


@pytest.fixture
def telephone() -> Iterator[Telephone]:
    found = Telephone()
    found.start()
    yield found
    found.stop()


@pytest.fixture
def second(rig, telephone: Telephone) -> Iterator[object]:  # type: ignore[no-untyped-def]
    """The far side of slot a: slot b, whose module is the telephone."""
    loaded = rig("{kind: second-slot, slot: b}", telephone.port)
    trace = Transcript()
    bench = Bench(rig=loaded, run="t", controller_pid=1, trace=lambda name: trace,
                  events=lambda name: lambda what, detail, values: None, far_side_for=lambda name: None)  # type: ignore[arg-type,return-value]

    def module(name: str) -> Dut:
        slot = bench.ports_only(name)
        return Dut(slot, slot.channel("uart"))

    yield far_side(loaded, "a", Around(module))
    bench.close_ports()


def test_the_second_slot_calls_and_hangs_up(second, telephone: Telephone) -> None:  # type: ignore[no-untyped-def]
    """It dials this slot's number; a caller that its SIM is not is refused before anything is sent."""
    assert second.can("call")
    with pytest.raises(NotPossible, match=r"cannot act as \+49999: the SIM of slot b is \+4915222"):
        second.act("call", number="+49999")
    second.act("call", number="+4915222")
    second.act("call", end="1")
    assert telephone.heard == ["ATD+4915111;", "AT+CHUP"]
    telephone.busy = True
    with pytest.raises(NetworkError, match=r"slot b cannot call \+4915111: .*NO CARRIER"):
        second.act("call")


def test_the_second_slot_sends_a_message(second, telephone: Telephone) -> None:  # type: ignore[no-untyped-def]
    """Text mode, the prompt, Ctrl-Z; a refusal is the network's."""
    second.act("sms", text="Hello", **{"from": "+4915222"})
    assert telephone.heard == ["AT+CMGF=1", 'AT+CMGS="+4915111"', "Hello^Z"]
    telephone.busy = True
    with pytest.raises(NetworkError, match="slot b cannot send"):
        second.act("sms", text="Hello")
    with pytest.raises(NotPossible, match="one message takes 1 to 160 ASCII characters"):
        second.act("sms", text="Grüße")


def test_the_second_slot_says_what_it_cannot(second) -> None:  # type: ignore[no-untyped-def]
    """A last will is watched by procedures on two slots, not by this far side."""
    assert not second.can("last-will")
    with pytest.raises(NotPossible, match="cannot last-will: procedures on two slots subscribe"):
        second.act("last-will", topic="t")
    with pytest.raises(NotPossible, match="calls and sends messages, and nothing else"):
        second.act("server", name="echo", state="down")
    with pytest.raises(NotPossible, match="write a procedure on two slots"):
        second.report("flow")


def test_outside_a_run_nobody_can_be_had(rig) -> None:  # type: ignore[no-untyped-def]
    """A console has no other slot's module and no person."""
    with pytest.raises(NotPossible, match="only within a run"):
        far_side(rig("{kind: second-slot, slot: b}"), "a").act("call")
    with pytest.raises(NotPossible, match="only within a run"):
        far_side(rig("{kind: manual}"), "a").act("call")


def test_the_person_is_told_in_words(rig) -> None:  # type: ignore[no-untyped-def]
    """One sentence for each verb; other verbs as they are written."""
    around = Around()
    person = far_side(rig("{kind: manual, verbs: [call, sms, coverage, network]}"), "a", around)
    person.act("call")
    person.act("call", end="1")
    person.act("sms", text="Hello", **{"from": "112"})
    person.act("coverage", state="weak")
    person.act("network", reject="11")
    assert around.asked == [
        "slot a: Call +4915111 and let it ring.",
        "slot a: Hang up the call with +4915111.",
        "slot a: Send a short message to +4915111 from 112 with exactly this text: Hello",
        "slot a: Make the coverage weak: put the antenna where the module just keeps its registration.",
        "slot a: Have the far side do: network reject=11.",
    ]
    refusing = far_side(rig("{kind: manual}"), "a", Around(answer="cannot"))
    with pytest.raises(NotPossible, match="the far side of slot a cannot call: the person says so"):
        refusing.act("call")
    with pytest.raises(NotPossible, match="the person is not asked for it; name it under verbs"):
        refusing.act("server", name="echo", state="down")


def test_the_attenuator_sets_decibels(tmp_path: Path) -> None:
    """States of coverage, link and network; nothing else."""
    path = tmp_path / "one.yaml"
    path.write_text(
        "rig: one\ninstruments:\n  att1: {kind: attenuator.scpi, resource: 'TCPIP::127.0.0.1::23::SOCKET'}\n"
        "slots:\n  a: {series: LENA-R8, ports: {uart: {url: 'socket://127.0.0.1:9'}}}\n"
        "far_side: {kind: attenuator, on: att1, normal_db: 3, weak_db: 60, lost_db: 95.5}\n")
    around = Around()
    far = far_side(load_rig(path), "a", around)
    for verb, state in (("coverage", "weak"), ("link", "blocked"), ("link", "ok"), ("network", "lost")):
        far.act(verb, state=state)
    assert around.set == [("a", "att1", 1, 60.0), ("a", "att1", 1, 95.5), ("a", "att1", 1, 3.0),
                          ("a", "att1", 1, 95.5)]
    with pytest.raises(NotPossible, match=r"cannot network tz=\+08 dst=0: attenuation brings about no such"):
        far.act("network", tz="+08", dst="0")
    assert not far.can("call")
    assert around.set[4:] == []


def test_several_are_asked_in_turn(rig) -> None:  # type: ignore[no-untyped-def]
    """What the first cannot is offered to the next; all reasons are told when none can."""
    around = Around()
    far = far_side(rig("{kind: several, of: [{kind: second-slot, slot: b}, {kind: manual, verbs: [call]}]}"),
                   "a", around)
    far.act("call", number="+49999")
    assert around.asked == ["slot a: Call +4915111 from +49999 and let it ring."]
    assert far.can("sms")
    assert not far.can("server")
    assert far.why_not("server") == (
        "another module calls and sends messages, and nothing else, and the person is not asked for it")
    with pytest.raises(NotPossible, match="no far side of slot a can do server"):
        far.act("server", name="echo", state="down")


def test_a_driver_of_another_package(rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    """Found by its entry point, given the slot, its settings and what it may use."""
    (tmp_path / "acme_far.py").write_text(
        "from cellbench.base.errors import NotPossible\n"
        "class CallBox:\n"
        "    def __init__(self, scene): self.scene, self.done = scene, []\n"
        "    def can(self, verb): return verb == 'call'\n"
        "    def why_not(self, verb): return 'the call box calls'\n"
        "    def act(self, verb, **values): self.done.append((verb, self.scene.settings['line'], values))\n"
        "    def report(self, what, **values): raise NotPossible('no reports')\n"
        "def broken(scene): raise KeyError('line')\n")
    info = tmp_path / "acme_far-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-far\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[cellbench.far_sides]\nacme-callbox = acme_far:CallBox\nacme-broken = acme_far:broken\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    far = far_side(rig("{kind: package, driver: acme-callbox, settings: {line: 4}}"), "a", Around())
    far.act("call", number="1")
    assert far.done == [("call", 4, {"number": "1"})]
    assert far.scene.number == "+4915111"
    with pytest.raises(RigError, match="far side acme-broken: acme_far:broken cannot be used"):
        far_side(rig("{kind: package, driver: acme-broken}"), "a", Around())


def test_none_says_so(rig) -> None:  # type: ignore[no-untyped-def]
    """A slot without a far side."""
    none = far_side(rig("{kind: none}"), "a")
    assert (none.can("call"), none.why_not("call")) == (False, "the rig file names no far side")
    with pytest.raises(NotPossible, match="name a far_side in the rig file"):
        none.act("call")
