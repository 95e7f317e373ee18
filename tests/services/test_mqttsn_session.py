"""A client's session at the MQTT-SN gateway under any messages in any order, with time passing in between."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from cellbench.services.mqtt_broker import Broker
from cellbench.services.mqtt_packets import Message as Publication
from cellbench.services.mqttsn_codec import Flags, Kind, MalformedMessage, Message, TopicType, decode, encode
from cellbench.services.mqttsn_delivery import Counters, Limits
from cellbench.services.mqttsn_session import Phase, Session

CONNECT = Message(Kind.CONNECT, Flags(clean=True), duration=0, rest=b"dev")
FLAGS = st.builds(Flags, st.booleans(), st.integers(-1, 2), st.booleans(), st.booleans(), st.booleans(),
                  st.sampled_from(TopicType))
NAMES = st.sampled_from([b"a", b"aa", b"a/b", b"a/+", b"#", b"", b"\0\1", b"\xff\xff", "ä".encode()])
MESSAGES = st.builds(
    Message, st.sampled_from(Kind), FLAGS, st.sampled_from([0, 1, 2, 3, 0x6161, 0x2B2B, 0xFFFF]),
    st.integers(0, 3), st.integers(0, 4), st.sampled_from([None, 0, 1, 70]), NAMES, empty=st.booleans())
STEPS = st.lists(st.one_of(MESSAGES, st.floats(0.1, 200.0), NAMES), max_size=30)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def made(clock: Clock, sent: list[Message], broker: Broker) -> Session:
    session = Session("dev", broker, Limits(), {1: "one", 2: "a/b"}, Counters(), clock, lambda _: None)
    session.send = sent.append
    return session


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_any_order_of_messages(steps: list[Message | float | bytes]) -> None:
    """Whatever comes, what is sent can be encoded, and a new CONNECT is always accepted."""
    clock, sent, broker = Clock(), [], Broker()
    session = made(clock, sent, broker)
    for step in steps:
        if isinstance(step, Message):
            with suppress(MalformedMessage):
                session.receive(step, clock.now)
        elif isinstance(step, bytes):
            with suppress(UnicodeDecodeError):
                name = step.decode()
                if name and not {"+", "#", "\0"} & set(name):
                    broker.route(Publication(name, b"news", 1))
        else:
            clock.now += step
            session.tick(clock.now)
    assert all(decode(encode(message)) == message for message in sent)
    sent.clear()
    session.receive(CONNECT, clock.now)
    assert sent == [Message(Kind.CONNACK)]
    assert session.phase is Phase.ACTIVE


@given(st.integers(1, 300), st.integers(0, 3))
def test_a_silent_client_is_lost_in_time(duration: int, waiting: int) -> None:
    """7.2: half of the duration longer, a tenth above a minute; and earlier when it does not answer."""
    clock, sent, broker = Clock(), [], Broker()
    session = made(clock, sent, broker)
    session.receive(Message(Kind.CONNECT, Flags(clean=True), duration=duration, rest=b"dev"), 0.0)
    session.receive(Message(Kind.SUBSCRIBE, Flags(qos=1), number=1, rest=b"news"), 0.0)
    for _ in range(waiting):
        broker.route(Publication("news", b"x", 1))
    while session.deadline is not None:
        clock.now = session.deadline
        session.tick(clock.now)
    patience = duration * (1.1 if duration > 60 else 1.5)
    assert session.phase is Phase.LOST
    assert clock.now == (min(patience, 40.0) if waiting else patience)
    assert len([one for one in sent if one.kind is Kind.PUBLISH]) <= (4 if waiting else 0)


@given(st.integers(1, 2))
def test_what_was_not_acknowledged_comes_in_the_next_session(qos: int) -> None:
    """Of a session that is kept; a clean one forgets it."""
    clock, sent, broker = Clock(), [], Broker()
    session = made(clock, sent, broker)
    kept = Message(Kind.CONNECT, Flags(), duration=0, rest=b"dev")
    session.receive(kept, 0.0)
    short = Flags(qos=2, topic_type=TopicType.SHORT)
    session.receive(Message(Kind.SUBSCRIBE, short, number=1, rest=b"aa"), 0.0)
    broker.route(Publication("aa", b"first", qos))
    broker.route(Publication("aa", b"second", qos))
    session.receive(Message(Kind.DISCONNECT), 0.0)
    sent.clear()
    session.receive(kept, 0.0)
    assert [one.rest for one in sent if one.kind is Kind.PUBLISH] == [b"first"]
    sent.clear()
    session.receive(CONNECT, 0.0)
    assert [one.kind for one in sent] == [Kind.CONNACK]
