"""paho-mqtt between two buffers: events for bytes however cut, rubbish, a version that lacks the hook."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt import client as paho

from cellbench.base.errors import OperatorError
from cellbench.virtual.device.clients.mqtt_paho import (
    Accepted,
    Acknowledged,
    Arrived,
    Event,
    LogIn,
    PahoSession,
    PingAnswered,
    Violated,
    Will,
    check,
)

# packets by hand, after OASIS MQTT 3.1.1: CONNACK, PUBLISH with QoS 0 and 2, PUBREL, SUBACK, PINGRESP
STREAM = (b"\x20\x02\x00\x00" b"\x30\x04\x00\x01tm" b"\x34\x07\x00\x01t\x00\x09\xff\x00" b"\x62\x02\x00\x09"
          b"\x90\x03\x00\x01\x02" b"\xd0\x00")
EVENTS: tuple[Event, ...] = (Accepted(0), Arrived(b"t", b"m", 0), Arrived(b"t", b"\xff\x00", 2),
                             Acknowledged(1, 2), PingAnswered())


def session(**more: object) -> PahoSession:
    return PahoSession(LogIn("unit", clean=True, keep_alive_s=5, **more))  # type: ignore[arg-type]


def test_the_installed_version_will_do() -> None:
    check()
    assert session().outgoing() == b"\x10\x10\x00\x04MQTT\x04\x02\x00\x05\x00\x04unit"


def test_user_password_and_will() -> None:
    made = session(user="me", password="pw", will=Will("w", b"\x00m", 2, True))
    assert made.outgoing() == (b"\x10\x1f\x00\x04MQTT\x04\xf6\x00\x05\x00\x04unit\x00\x01w\x00\x02\x00m"
                               b"\x00\x02me\x00\x02pw")


def test_a_version_without_the_hook_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(paho.Client, "_create_socket_connection")
    with pytest.raises(OperatorError, match=r"paho-mqtt \d+\.\d+.* has no Client\._create_socket") as error:
        check()
    assert "pip install paho-mqtt==" in error.value.remedy


def test_such_a_version_stops_the_rack_with_a_sentence(tmp_path: Path) -> None:
    """The program, with a paho-mqtt that has lost the hook before the rack comes up."""
    program = ("import sys; from paho.mqtt import client; del client.Client._create_socket_connection; "
               "from cellbench.cli import main; sys.exit(main(sys.argv[1:]))")
    command = [sys.executable, "-c", program, "virtual", "up", "--slot", "LENA-R8", "--dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 12
    assert done.stdout == ""
    assert "Client._create_socket_connection" in done.stderr
    assert "pip install paho-mqtt==" in done.stderr
    assert "Traceback" not in done.stderr


@given(st.lists(st.integers(1, len(STREAM) - 1), max_size=6))
def test_any_cut(places: list[int]) -> None:
    made = session()
    made.outgoing()
    made.subscribe("t", 2)
    events: list[Event] = []
    cuts = [0, *sorted(places), len(STREAM)]
    for begin, end in itertools.pairwise(cuts):
        events += made.receive(STREAM[begin:end])
    assert tuple(events) == EVENTS
    assert b"\x50\x02\x00\x09" in made.outgoing()


@pytest.mark.parametrize("code", [2, 3, 4, 5])
def test_a_refused_log_in(code: int) -> None:
    assert session().receive(bytes([0x20, 2, 0, code])) == (Accepted(code),)


@given(st.binary(min_size=1, max_size=80))
def test_rubbish_is_an_event(data: bytes) -> None:
    made = session()
    made.receive(b"\x20\x02\x00\x00")
    for event in made.receive(data):
        assert isinstance(event, Accepted | Acknowledged | Arrived | PingAnswered | Violated)


def test_rubbish_ends_the_session() -> None:
    made = session()
    made.receive(b"\x20\x02\x00\x00")
    assert isinstance(made.receive(bytes(range(256)))[-1], Violated)
