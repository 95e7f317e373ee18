"""Writing: LENA-R8 guide 9.2.3, LARA-R6 guide 5.3 with 5.3.1 to 5.3.3."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from cellbench.api import Dut, FarSide, Limit, RawTalk, Recorder, Service, procedure

from .common import ECHO, ESTABLISHED, TCP, URC_S, connected, control, nonce, read, socket

QUEUE_BYTES = 8192
PIECE = 1024


@pytest.mark.demo
@procedure("R8:9.2.3", "R6:5.3.2", title="Base syntax: data in the command", depends_on=ECHO)
def test_base_syntax(online: Dut, services: Mapping[str, Service], record: Recorder) -> None:
    """+USOWR: <socket>,<length>, OK; the echo comes back unchanged."""
    text = nonce()
    with connected(online, services["echo"]) as number, online.at.expect("+UUSORD") as arrived:
        answer = online.send(f'AT+USOWR={number},{len(text)},"{text}"')
        assert answer.value("+USOWR") == (number, len(text))
        assert arrived.wait(URC_S).fields == (number, len(text))
        assert read(online, number, len(text)) == text


@pytest.mark.demo
@procedure("R6:5.3.1", "R8:9.2.3", title="Binary mode: data at the @ prompt", depends_on=ECHO)
def test_binary_mode(online: Dut, services: Mapping[str, Service], record: Recorder) -> None:
    """Bytes of every value pass the prompt."""
    data = bytes(range(32)) + b'"\r\n\x1a' + nonce().encode()
    with connected(online, services["echo"]) as number, online.at.expect("+UUSORD") as arrived:
        answer = online.send(f"AT+USOWR={number},{len(data)}", payload=data)
        assert answer.value("+USOWR") == (number, len(data))
        assert arrived.wait(URC_S).fields == (number, len(data))
        assert read(online, number, len(data)).encode("latin-1") == data


@procedure("R6:5.3.1", "R8:9.2.3", title="What exceeds the announced length is cut off", depends_on=ECHO)
def test_excess_is_truncated(online: Dut, services: Mapping[str, Service], record: Recorder) -> None:
    """The prompt takes exactly the announced bytes; the rest is truncated and does no harm."""
    with connected(online, services["echo"]) as number, online.at.expect("+UUSORD") as arrived:
        answer = online.send(f"AT+USOWR={number},2", payload=b"12345")
        assert answer.value("+USOWR") == (number, 2)
        assert arrived.wait(URC_S).fields == (number, 2)
        assert read(online, number, 5) == "12"
        assert online.send("AT").ok, "the module is in step"


@procedure("R6:5.3.1", title="Announcing fewer or more bytes than allowed is refused", depends_on=ECHO)
def test_length_limits(online: Dut, services: Mapping[str, Service]) -> None:
    """1 to 1024 bytes at once (module facts 8)."""
    with connected(online, services["echo"]) as number:
        for length in (0, 1025):
            assert not online.send(f"AT+USOWR={number},{length}", check=False).ok, (
                f"{length} bytes were allowed"
            )


@procedure(
    "R8:9.2.3",
    "R6:5.3.2",
    title="Writing on a socket that is not connected or not there",
    depends_on=("network",),
)
def test_write_refused(online: Dut) -> None:
    """An error, and the prompt never opens."""
    assert not online.send('AT+USOWR=5,2,"12"', check=False).ok
    with socket(online, TCP) as number:
        assert not online.send(f'AT+USOWR={number},2,"12"', check=False).ok


@procedure(
    "R6:5.3.3",
    title="A full queue refuses, tells its state, and empties",
    depends_on=ECHO,
    needs=("far-side:link",),
)
def test_queue_full(
    online: Dut, services: Mapping[str, Service], far_side: FarSide, record: Recorder
) -> None:
    """8 kB are taken while the network is congested, then ERROR; the connection is still established, the
    unacknowledged bytes are counted; when the network recovers everything arrives."""
    block = nonce(PIECE).ljust(PIECE, "x").encode()
    with connected(online, services["echo"]) as number:
        far_side.act("link", state="blocked")
        taken = 0
        try:
            while taken <= 4 * QUEUE_BYTES:
                if not online.send(f"AT+USOWR={number},{PIECE}", payload=block, check=False).ok:
                    break
                taken += PIECE
            record.measure(
                "bytes taken before ERROR",
                taken,
                "B",
                Limit(low=QUEUE_BYTES, high=QUEUE_BYTES + PIECE, source="LARA-R6 guide 5.3.3"),
            )
            assert control(online, number, 10) == ESTABLISHED
            assert control(online, number, 11) > 0, "bytes are unacknowledged while the network stands still"
        finally:
            far_side.act("link", state="ok")
        with record.step("recovery: everything comes back"):
            back = 0
            while back < taken:
                data = read(online, number, PIECE)
                if not data:
                    with online.at.expect("+UUSORD") as more:
                        if control(online, number, 3) <= back:
                            more.wait(URC_S)
                    continue
                back += len(data)
            assert back == taken
            assert control(online, number, 11) == 0


@procedure(
    "R6:5.3.1",
    "R8:9.2.3",
    "R8:4.3",
    title="At the prompt commands are data, and the interface is blocked until all bytes are written",
    depends_on=ECHO,
)
def test_prompt_blocks_the_interface(online: Dut, services: Mapping[str, Service]) -> None:
    """Four bytes announced, two written: silence; "AT" written: the last two bytes, then the result code."""
    raw = online.raw()
    with connected(online, services["echo"]) as number, online.at.expect("+UUSORD") as arrived:
        _write_and_wait(raw, f"AT+USOWR={number},4\r".encode(), b"@")
        raw.listen(2 * online.profile.serial.after_prompt_s.value)  # at least 50 ms after @
        raw.write(b"12")
        assert b"OK" not in raw.listen(0.3), "fewer bytes than announced were taken"
        heard = _write_and_wait(raw, b"AT", b"OK\r")
        assert f"+USOWR: {number},4".encode() in heard
        assert arrived.wait(URC_S).fields == (number, 4)
        assert read(online, number, 4) == "12AT"


def _write_and_wait(raw: RawTalk, data: bytes, awaited: bytes) -> bytes:
    mark = raw.transcript.mark()
    raw.write(data)
    assert raw.channel.wait_until(lambda: awaited in raw.heard_since(mark), URC_S), f"no {awaited!r}"
    return raw.heard_since(mark)


@procedure(
    "R8:9.2.3",
    "R6:5.3.2",
    title="Base syntax refuses data that it cannot carry; binary mode carries them",
    depends_on=ECHO,
)
def test_base_syntax_refusals(online: Dut, services: Mapping[str, Service]) -> None:
    """Some characters are not allowed in base syntax, and the length must be that of the data."""
    with connected(online, services["echo"]) as number, online.at.expect("+UUSORD") as arrived:
        for line in (f'AT+USOWR={number},3,"a"b"', f'AT+USOWR={number},5,"12"'):
            assert not online.send(line, check=False).ok, f"{line} was taken"
        assert online.send(f"AT+USOWR={number},3", payload=b'a"b').value("+USOWR") == (number, 3)
        assert arrived.wait(URC_S).fields == (number, 3), "the refused data were not sent"


@procedure(
    "R8:9.2.3",
    "R6:5.3.2",
    title="OK means that the data were taken, not that the far side has them",
    depends_on=ECHO,
    needs=("far-side:link",),
)
def test_ok_is_no_acknowledgment(
    online: Dut, services: Mapping[str, Service], far_side: FarSide, record: Recorder
) -> None:
    """With the link standing still +USOWR gives OK and nothing is acknowledged; then all arrives."""
    text = nonce()
    with connected(online, services["echo"]) as number:
        with online.at.expect("+UUSORD") as arrived:
            far_side.act("link", state="blocked")
            try:
                assert online.send(f'AT+USOWR={number},{len(text)},"{text}"').ok
                record.measure("bytes not acknowledged after OK", control(online, number, 11), "B")
                assert control(online, number, 11) == len(text)
            finally:
                far_side.act("link", state="ok")
            assert arrived.wait(URC_S).fields == (number, len(text))
        assert control(online, number, 11) == 0
        assert read(online, number, len(text)) == text
