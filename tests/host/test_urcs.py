"""The log of URCs, and one view of several ports."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellbench.host.channel import Channel
from cellbench.host.transcript import Transcript
from cellbench.host.urclog import UrcEvent, UrcLog, UrcTimeout
from cellbench.host.urcview import UrcView
from cellbench.io.serial_port import SerialPort


def event(index: int, text: str, *, port: str = "at0", at: float = 0.0) -> UrcEvent:
    return UrcEvent(index, port, text.partition(":")[0], text, at, 0, index)


def test_marks_and_capacity():
    log = UrcLog(capacity=3)
    for number in range(5):
        log.append(event(number, f"+URC: {number}"))
    assert log.mark() == 5
    assert [one.index for one in log.since(0)] == [2, 3, 4]
    assert [one.index for one in log.since(4)] == [4]


def test_listeners_come_and_go():
    log = UrcLog()
    heard: list[str] = []
    forget = log.listen(lambda one: heard.append(one.text))
    log.append(event(0, "RING"))
    forget()
    log.append(event(1, "RING"))
    assert heard == ["RING"]


def test_prefixes():
    assert event(0, "+UUSORD: 0,1").begins("+UUSORD")
    assert event(0, "RING").begins("RING")
    assert not event(0, "+UUSORDX: 0,1").begins("+UUSORD")
    greeting = UrcEvent(0, "uart", "greeting", "+UUSTATUS: READY", 0.0, 0, 0)
    assert greeting.begins("greeting")
    assert greeting.begins("+UUSTATUS")


@pytest.fixture
def ports(peer, other_peer, r8):
    channels = {name: Channel(SerialPort(end.path), r8, trace=Transcript(), name=name, gap_s=0)
                for name, end in (("at0", peer), ("at1", other_peer))}
    for channel in channels.values():
        channel.start()
    yield channels
    for channel in channels.values():
        channel.stop()


def test_copies_on_two_ports_are_one_event(ports, peer, other_peer):
    view = UrcView(ports)
    with view.expect("+UUSORD") as arrived:
        peer.say(b"\r\n+UUSORD: 0,5\r\n")
        other_peer.say(b"\r\n+UUSORD: 0,5\r\n")
        first = arrived.wait(20.0)
        assert view.wait_until(lambda: len(view.copies(first)) == 2, 2.0)
        with pytest.raises(UrcTimeout):
            arrived.wait(0.05)
    assert len(view.urcs.since(0)) == 1
    view.close()


def test_the_same_text_twice_is_two_events(ports, peer, other_peer):
    view = UrcView(ports)
    for end in (peer, other_peer):
        end.say(b"\r\n+UUSORD: 0,5\r\n\r\n+UUSORD: 0,5\r\n")
    assert view.wait_until(lambda: all(len(one.urcs.since(0)) == 2 for one in ports.values()), 2.0)
    assert len(view.urcs.since(0)) == 2
    view.close()


def test_an_event_of_one_port_only(ports, other_peer):
    view = UrcView(ports)
    with view.expect("RING") as ringing:
        other_peer.say(b"\r\nRING\r\n")
        assert ringing.wait(20.0).port == "at1"
    view.close()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(["+CREG: 5", "+CREG: 1", "RING"]), max_size=12), st.randoms())
def test_any_interleaving_of_ports_counts_each_event_once(texts: list[str], chance: random.Random):
    """Each port tells every event in order, however late; the log has them once."""
    logs = {name: UrcLog() for name in ("uart", "at0", "at1")}
    view = UrcView({name: SimpleNamespace(urcs=log) for name, log in logs.items()})
    told = dict.fromkeys(logs, 0)
    while behind := [name for name, count in told.items() if count < len(texts)]:
        name = chance.choice(behind)
        logs[name].append(event(told[name], texts[told[name]], port=name, at=float(sum(told.values()))))
        told[name] += 1
    seen = view.urcs.since(0)
    assert sorted(one.text for one in seen) == sorted(texts)
    assert all(len(view.copies(one)) == len(logs) for one in seen)
    view.close()


def test_a_copy_much_later_is_a_new_event(ports):
    view = UrcView(ports, window_s=10.0)
    ports["at0"].urcs.append(event(0, "RING", port="at0", at=0.0))
    ports["at1"].urcs.append(event(0, "RING", port="at1", at=9.0))
    ports["at1"].urcs.append(event(1, "RING", port="at1", at=10.5))
    ports["at0"].urcs.append(event(1, "RING", port="at0", at=40.0))
    assert [one.monotonic_s for one in view.urcs.since(0)] == [0.0, 10.5, 40.0]
    view.close()
