"""Answers by their forms, for any text; blocks, serial lines and broken dialogues over real links."""

from __future__ import annotations

import os
import re
import struct
import threading
import time
import tty
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from cellbench.base.errors import RigError
from cellbench.instruments.conversation import Conversation, ErrorQuery, Flag, Manners, Query
from cellbench.instruments.supply.dialects.tti import CPX_QL
from cellbench.instruments.supply.scpi import DIALECTS, ScpiSupply
from cellbench.instruments.visa import Link, VisaSession, _unpacked

TRANSCRIPTS = Path(__file__).parent / "transcripts"
PLAIN = Manners("supply.of-this-test", "ACME LAB", r"ACME,.*", ())
NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


@given(st.text())
@example("9.91E37")
@example('0,"No error"')
@example("1,2")
@example("nan")
@example("inf")
@example("1_000")
def test_figure_is_a_float_or_none(text):
    value = Query("X?").figure(text, 1)
    assert value is None or (isinstance(value, float) and abs(value) < 9.9e37)
    if value is not None:
        assert value == float(text)


@given(NUMBERS, st.sampled_from(["{:.3f}", "{:+.5E}", "{:.10g}"]), st.integers(1, 4))
def test_figures_of_all_families_are_read_and_no_other_channels(value, form, channel):
    text = form.format(value)
    assert Query("X?").figure(text, channel) == float(text)
    assert CPX_QL.voltage.figure(f"V{channel} {text}", channel) == float(text)
    assert CPX_QL.voltage.figure(f"V{channel + 1} {text}", channel) is None
    assert CPX_QL.voltage.figure(f"I{channel} {text}", channel) is None
    assert CPX_QL.measure_voltage.figure(f"{text}V", channel) == float(text)
    assert CPX_QL.measure_voltage.figure(f"{text}A", channel) is None


@given(st.text())
@example("0x")
@example("٣")
def test_flags_and_error_numbers_never_raise(text):
    assert Flag(Query("X?")).value(text, 1) in {True, False, None}
    assert Flag(Query("X?"), (1, 2)).value(text, 3) in {True, False, None}
    found = ErrorQuery().error(text)
    assert found is None or isinstance(found, int)


@given(st.integers(0, 0xFFFF), st.integers(1, 4))
def test_status_bits(register, channel):
    flag = Flag(Query("SYST:STAT?"), (1 << 4, 1 << 5))
    wanted = bool(register & (0x10 if channel == 1 else 0x20))
    assert flag.value(f"0x{register:04x}", channel) is wanted
    assert flag.value(f"+{register}", channel) is wanted


@given(NUMBERS, st.sampled_from(["{:.3f}", "{:+.8E}", "{:.0f}"]))
def test_no_figure_passes_for_an_error_queue(value, form):
    assert ErrorQuery().error(form.format(value)) is None


@pytest.mark.parametrize(("answer", "number"), [
    ('0,"No error"', 0), ('+0,"No error"', 0), ("0  No Error", 0), ('-222,"Data out of range"', -222),
    ('-222, "Data out of range"', -222), ("1", None), ("", None), ("ON", None)])
def test_error_queue_forms_of_the_manuals(answer, number):
    assert ErrorQuery().error(answer) == number


def test_errors_of_a_register_are_its_bits():
    register = ErrorQuery("*ESR?", r"\d+", mask=0x34)
    assert [register.error(text) for text in ("0", "128", "32", "176")] == [0, 0, 32, 48]


def answering(play, dialogue, *steps):
    return play(dialogue([(b"*IDN?\n", b"ACME,LAB,1,1\n"), *steps]))


def talk_to(player, **link):
    return Conversation("the-one", f"TCPIP::127.0.0.1::{player.port}::SOCKET", PLAIN, Link(**link))


@given(st.binary(max_size=200))
def test_block_of_any_bytes_is_taken_out_of_its_message(data):
    digits = str(len(data))
    assert _unpacked(b"#" + str(len(digits)).encode() + digits.encode() + data + b"\n") == data


@given(st.binary(max_size=30))
def test_message_that_is_no_block_is_a_broken_connection(message):
    try:
        _unpacked(message)
    except ConnectionError:
        return
    assert message[:1] == b"#"


def test_block_with_line_ends_inside_arrives_whole(play, dialogue):
    data = b"\n\r\n" + struct.pack(">2f", 0.5, 0.25) + b"\n#15"
    block = b"#2" + f"{len(data):02d}".encode() + data + b"\n"
    player = answering(play, dialogue, (b"FETC?\n", block), (b"SYST:ERR?\n", b'0,"No error"\n'))
    talk = talk_to(player)
    assert talk.block("FETC?") == data
    talk.close()


@pytest.mark.parametrize(("answer", "complaint"), [
    (b"3.799\n", "not a block"), (b"#0abc\n", "not a block"), (b"#9999999999", "announced a block"),
    (b"#15abc", "no answer in time")])
def test_block_that_is_none_is_a_rig_error(play, dialogue, answer, complaint):
    player = answering(play, dialogue, (b"FETC?\n", answer))
    talk = talk_to(player, timeout_s=0.3)
    with pytest.raises(RigError, match=f"failed at 'FETC\\?': .*{complaint}"):
        talk.block("FETC?")
    talk.close()


def test_block_that_is_cut_is_a_rig_error(play, dialogue):
    player = answering(play, dialogue, (b"FETC?\n", None))
    talk = talk_to(player, timeout_s=0.3)
    with pytest.raises(RigError, match="it closed the connection"):
        talk.block("FETC?")
    talk.close()


@pytest.fixture
def line():
    """A serial line: its device, and the instrument's end."""
    master, slave = os.openpty()
    tty.setraw(slave)
    yield os.ttyname(slave), master
    os.close(slave)
    os.close(master)


def instrument_at(master, answers, before=b""):
    """Answers lines at a PTY; ``before`` is said at once, as an instrument still talking to somebody else."""
    heard = []

    def run():
        os.write(master, before)
        text = b""
        while b"BYE" not in heard:
            text += os.read(master, 100)
            *lines, text = text.split(b"\n")
            for said in lines:
                heard.append(said)
                if said in answers:
                    os.write(master, answers[said] + b"\n")

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return heard, thread


def test_serial_line_is_emptied_before_it_is_greeted(line):
    device, master = line
    heard, thread = instrument_at(master, {b"*IDN?": b"ACME,LAB,1,1", b"VOLT?": b"3.8",
                                           b"SYST:ERR?": b'0,"No error"'}, before=b"1.25\n1.26\n")
    talk = Conversation("the-one", f"ASRL{device}::INSTR", PLAIN, Link(rate_bit_s=115200, flow="xon-xoff"))
    assert talk.identity == "ACME,LAB,1,1"
    assert talk.number(Query("VOLT?")) == 3.8
    session = talk._session
    session.write("BYE")
    thread.join(5)
    talk.close()
    assert heard == [b"*IDN?", b"VOLT?", b"SYST:ERR?", b"BYE"]


def test_serial_instrument_that_speaks_unasked_is_begun_anew(line):
    device, master = line
    _, thread = instrument_at(master, {b"*IDN?": b"ACME,LAB,1,1", b"VOLT?": b"3.8",
                                       b"SYST:ERR?": b'0,"No error"', b"SHOUT": b"9.9"})
    talk = Conversation("the-one", f"ASRL{device}::INSTR", PLAIN, Link())
    session = talk._session
    session.write("SHOUT")
    until = time.monotonic() + 5
    while not session._handle.visalib.sessions[session._handle.session].interface.in_waiting:
        assert time.monotonic() < until
    talk.ready()
    assert talk.number(Query("VOLT?")) == 3.8
    session.write("BYE")
    thread.join(5)
    talk.close()


def test_lines_keep_their_distance_where_the_family_asks_for_it(play, dialogue):
    player = play(dialogue([(b"*IDN?\n", b"ACME,LAB,1,1\n"), (b"A\n", b""), (b"B\n", b"")]))
    session = VisaSession("the-one", f"TCPIP::127.0.0.1::{player.port}::SOCKET", Link(gap_s=0.1),
                          greet=lambda session: None)
    session.open()
    session.query("*IDN?")
    began = time.monotonic()
    session.write("A")
    session.write("B")
    assert time.monotonic() - began >= 0.1
    session.close()


def identification_in_transcript(kind):
    opening = yaml.safe_load((TRANSCRIPTS / f"{kind}.yaml").read_text())["opening"]
    return re.search(r"^> \*IDN\?\n(?:[^<].*\n)*?< (.+)$", opening, re.MULTILINE)[1]


@pytest.mark.parametrize("dialect", DIALECTS[1:], ids=lambda dialect: dialect.kind)
def test_no_family_takes_anothers_identification(dialect):
    known = {one.kind: identification_in_transcript(one.kind) for one in DIALECTS[1:]}
    fits = [kind for kind, said in known.items() if re.fullmatch(dialect.identity, said, re.IGNORECASE)]
    assert fits == [dialect.kind]


def test_supply_counts_its_channels_by_its_model(play, dialogue):
    hmp = next(one for one in DIALECTS if one.kind == "supply.rs-hmp")
    player = play(dialogue([(b"*CLS\n", b""), (b"*IDN?\n", b"ROHDE&SCHWARZ,HMP2030,1,2.62\n")]))
    supply = ScpiSupply("psu1", hmp, resource=f"TCPIP::127.0.0.1::{player.port}::SOCKET")
    supply.output(3)
    with pytest.raises(RigError, match="has no channel 4; it has 1, 2, 3"):
        supply.output(4)
    supply.close()
