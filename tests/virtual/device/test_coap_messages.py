"""CoAP as bytes: what is written is read again however it is cut, and rubbish is refused, never a crash."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.virtual.device.clients.coap_exchange import (
    DatagramExchange,
    Patience,
    Rejected,
    StreamExchange,
    StreamState,
)
from cellbench.virtual.device.clients.coap_line import parse_uri
from cellbench.virtual.device.clients.coap_messages import (
    Block,
    Datagram,
    FrameReader,
    MalformedMessage,
    Message,
    Option,
    Signal,
    Type,
    decode_datagram,
    encode_datagram,
    encode_frame,
)

OPTIONS = st.lists(st.tuples(st.integers(0, 65_804), st.binary(max_size=300)), max_size=6).map(
    lambda options: tuple(sorted(options, key=lambda option: option[0])))
MESSAGES = st.builds(Message, st.integers(1, 255), st.binary(max_size=8), OPTIONS, st.binary(max_size=700))
PATIENCE = Patience(2.0, 93.0, 4)


@given(st.sampled_from(Type), st.integers(0, 0xFFFF), MESSAGES)
def test_datagrams_come_back(kind: Type, number: int, message: Message) -> None:
    datagram = Datagram(kind, number, message)
    assert decode_datagram(encode_datagram(datagram)) == datagram


@given(st.lists(MESSAGES, max_size=4), st.lists(st.integers(1, 40), min_size=1))
def test_frames_come_back_however_they_are_cut(messages: list[Message], cuts: list[int]) -> None:
    stream = b"".join(encode_frame(message) for message in messages)
    reader, found, place = FrameReader(largest=1 << 20), [], 0
    while place < len(stream):
        size = cuts[place % len(cuts)]
        found += reader.feed(stream[place:place + size])
        place += size
    assert found == messages


@given(st.binary(max_size=80))
def test_rubbish_is_refused(data: bytes) -> None:
    with contextlib.suppress(MalformedMessage):
        came = decode_datagram(data)
        assert decode_datagram(encode_datagram(came)) == came
    with contextlib.suppress(MalformedMessage):
        for message in FrameReader().feed(data):
            assert FrameReader().feed(encode_frame(message)) == [message]


@given(st.integers(0, 0xFFFFF), st.booleans(), st.sampled_from([16, 32, 64, 128, 256, 512, 1024]))
def test_blocks_come_back(number: int, more: bool, size: int) -> None:
    block = Block(number, more, size)
    assert Block.decode(block.encode()) == block


def test_a_get_is_as_the_standard_draws_it() -> None:
    """RFC 7252 appendix A, figure 16: a confirmable GET of /temperature and its piggybacked answer."""
    request = bytes.fromhex("40017d34bb") + b"temperature"
    assert decode_datagram(request) == Datagram(
        Type.CON, 0x7D34, Message(1, b"", ((Option.URI_PATH, b"temperature"),)))
    answer = bytes.fromhex("60457d34ff") + b"22.3 C"
    assert decode_datagram(answer) == Datagram(Type.ACK, 0x7D34, Message(0x45, payload=b"22.3 C"))


@pytest.mark.parametrize("data", [
    "", "400100", "80010000", "49010000" + "00" * 9, "40010000ff", "40010000f0", "400100000f",
    "40010000d0", "4001000001", "400000001122"])
def test_datagrams_that_are_none(data: str) -> None:
    with pytest.raises(MalformedMessage):
        decode_datagram(bytes.fromhex(data))


def test_capabilities_as_the_standard_draws_them() -> None:
    """RFC 8323 3.2: two bytes are the shortest message."""
    assert encode_frame(Message(Signal.CSM)) == b"\x00\xe1"
    with pytest.raises(MalformedMessage):
        FrameReader().feed(b"\xf0\xff\xff\xff\xff\x45")
    with pytest.raises(MalformedMessage):
        FrameReader().feed(b"\x09\x45")


def exchange(*, confirmable: bool = True) -> DatagramExchange:
    made = DatagramExchange(Message(1, b"tok"), 7, PATIENCE, confirmable=confirmable)
    assert len(list(made.start(0.0))) == 1
    return made


def test_times_of_a_confirmable_message() -> None:
    """RFC 7252 4.2: 2, 4, 8, 16 s and a last wait of 32 s."""
    one, times = exchange(), []
    while True:
        times.append(one.due)
        if one.expired(one.due) is None:
            break
    assert times == [2.0, 6.0, 14.0, 30.0, 62.0]
    other = exchange(confirmable=False)
    assert (other.due, other.expired(other.due)) == (93.0, None)


def test_a_separate_answer_is_acknowledged() -> None:
    one = exchange()
    assert list(one.received(encode_datagram(Datagram(Type.ACK, 7, Message(0))))) == []
    assert one.due == 93.0
    assert one.expired(93.0) is None
    late = Datagram(Type.CON, 99, Message(0x45, b"tok", payload=b"late"))
    assert list(one.received(encode_datagram(late))) == [encode_datagram(Datagram(Type.ACK, 99, Message(0)))]
    assert one.answer is not None
    assert one.answer.payload == b"late"


def test_what_is_not_for_the_request() -> None:
    one = exchange()
    reset = [encode_datagram(Datagram(Type.RST, 5, Message(0)))]
    for strange in (Message(0x45, b"other"), Message(0), Message(0x45, b"tok", ((9, b""),)),
                    Message(1, b"tok"), Message(0x45, b"tok", ((Option.BLOCK2, b"\x07"),))):
        assert list(one.received(encode_datagram(Datagram(Type.CON, 5, strange)))) == reset
        assert list(one.received(encode_datagram(Datagram(Type.NON, 5, strange)))) == []
    assert list(one.received(encode_datagram(Datagram(Type.ACK, 8, Message(0x45, b"tok"))))) == []
    assert one.answer is None
    with pytest.raises(Rejected):
        one.received(encode_datagram(Datagram(Type.RST, 7, Message(0))))


def test_a_connection_begins_with_capabilities() -> None:
    """RFC 8323 5.3, 5.4: and answers pings."""
    state = StreamState()
    first = StreamExchange(Message(1, b"tok"), PATIENCE, state)
    assert list(first.start(0.0)) == [b"\x00\xe1", encode_frame(Message(1, b"tok"))]
    answers = first.received(encode_frame(Message(Signal.CSM, options=((2, b"\x04\x80"), (4, b"")))) +
                             encode_frame(Message(Signal.PING, b"p")))
    assert list(answers) == [encode_frame(Message(Signal.PONG, b"p"))]
    first.received(encode_frame(Message(0x45, b"tok", payload=b"here")))
    assert first.answer is not None
    second = StreamExchange(Message(1, b"two"), PATIENCE, state)
    assert len(list(second.start(5.0))) == 1
    with pytest.raises(Rejected):
        second.received(encode_frame(Message(Signal.ABORT)))
    with pytest.raises(Rejected):
        StreamExchange(Message(1, b"t"), PATIENCE, StreamState()).received(encode_frame(Message(0x45, b"t")))


@pytest.mark.parametrize(("text", "host", "port", "path", "query"), [
    ("coap://coap.me", "coap.me", 5683, (), ()), ("coaps://a/", "a", 5684, (), ()),
    ("coap+tcp://[2001:db8::1]:61616/a%2Fb/c?d=1&e", "2001:db8::1", 61616, (b"a/b", b"c"), (b"d=1", b"e")),
    ("coaps+tcp://1.2.3.4/x/", "1.2.3.4", 5684, (b"x", b""), ())])
def test_uris(text: str, host: str, port: int, path: tuple[bytes, ...], query: tuple[bytes, ...]) -> None:
    target = parse_uri(text)
    assert (target.host, target.port, target.path, target.query) == (host, port, path, query)
    assert (target.reliable, target.secure) == ("tcp" in text, text.startswith("coaps"))


@given(st.text(max_size=40))
def test_any_text_is_a_uri_or_is_refused(text: str) -> None:
    for candidate in (text, f"coap://{text}", f"coap://h/{text}", f"coap://[{text}"):
        with contextlib.suppress(ValueError):
            assert parse_uri(candidate).host
