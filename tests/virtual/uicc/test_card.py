"""Whatever comes, the card answers with a status word, and keeps its shape."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellbench.virtual.uicc import build, coding, layout, terminal
from cellbench.virtual.uicc.access import Operation, allowed, rule
from cellbench.virtual.uicc.build import card_of
from cellbench.virtual.uicc.card import Card
from cellbench.virtual.uicc.dispatch import TABLE, transmit
from cellbench.virtual.uicc.files import Df, Ef, applications
from cellbench.virtual.uicc.profile import CardProfile

FILES = [0x3F00, 0x7FFF, 0x7F10, 0x2F00, 0x2FE2, *(line.fid for line in layout.USIM_FILES)]


def shape(card: Card) -> list[tuple[int, int]]:
    return [(one.fid, len(one.content)) for one in card.master.walk() if isinstance(one, Ef)]


def select(fid: int) -> bytes:
    return bytes([0x00, 0xA4, 0x00, 0x04, 0x02]) + fid.to_bytes(2, "big")


@st.composite
def commands(draw: st.DrawFn) -> bytes:
    """A command that is nearly one: known classes and instructions, any parameters and lengths."""
    base, ins = draw(st.sampled_from([*TABLE, (0x00, 0xC0)]))
    data = draw(st.binary(max_size=40))
    p3 = draw(st.sampled_from([len(data), 0, 1, 8, 16, 255]))
    p1 = draw(st.sampled_from([0, 1, 4, 8, 0x82, 0xFF]))
    p2 = draw(st.sampled_from([0, 1, 2, 3, 4, 5, 6, 0x0C, 0x81]))
    return bytes([base | draw(st.sampled_from([0, 0, 0, 1, 2])), ins, p1, p2, p3]) + data


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=24), commands(), st.sampled_from(FILES).map(select)),
                max_size=40))
def test_any_commands(raw: list[bytes]) -> None:
    card = card_of(CardProfile())
    before = shape(card)
    for one in raw:
        answer = transmit(card, one)
        assert len(answer) >= 2
        assert answer[-2] >> 4 in (6, 9)
        assert len(answer) <= 258
    assert shape(card) == before
    assert set(card.channels) <= {0, 1, 2, 3}
    assert 0 in card.channels


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_an_access_rule_of_any_bytes_is_read_without_harm(raw: bytes) -> None:
    for operation in Operation:
        assert allowed(raw, operation, lambda key: False) in (True, False)


def test_rules_with_alternatives() -> None:
    """OR and AND templates of ISO/IEC 7816-4 (tags A0, AF)."""
    one, both = rule((0x01, 0x01))[3:], rule((0x01, 0x0A))[3:]
    either = b"\x80\x01\x01\xa0" + bytes([len(one + both)]) + one + both
    together = b"\x80\x01\x01\xaf" + bytes([len(one + both)]) + one + both
    assert allowed(either, Operation.READ, {0x0A}.__contains__)
    assert not allowed(together, Operation.READ, {0x0A}.__contains__)
    assert allowed(together, Operation.READ, {0x01, 0x0A}.__contains__)
    assert not allowed(either, Operation.UPDATE, {0x01, 0x0A}.__contains__)


def test_the_terminal_follows_what_the_card_says() -> None:
    """7.3.1.1: GET RESPONSE after 61XX, the command again after 6CXX, the warning kept with its data."""
    card = card_of(CardProfile())

    def sent(text: str) -> str:
        return terminal.exchange(lambda raw: transmit(card, raw), bytes.fromhex(text)).hex().upper()

    assert sent("00A40004023F00").endswith("83010C9000")
    assert sent("00A40004022FE200").endswith("8801109000")  # case 4, Le goes
    assert sent("00B00000FF") == "989388435801009549F49000"
    assert sent("0070000000") == "019000"
    again = terminal.exchange(lambda raw: transmit(card, raw), bytes.fromhex("0070000000"), repeat=False)
    assert again == b"\x6c\x01"
    directory = card.master.child(layout.DIR)
    assert isinstance(directory, Ef)
    directory.active = False
    assert sent("00A40004022F00").endswith("6283")
    assert sent("00A40004022F00").startswith("621A")


def test_a_card_that_promises_for_ever_does_not_hold_the_terminal() -> None:
    answer = terminal.exchange(lambda raw: b"\x61\x10", bytes.fromhex("00A40004023F00"))
    assert answer == b"\x61\x10"


@pytest.mark.parametrize("one", [line for line in layout.USIM_FILES if line.sfi], ids=lambda line: line.name)
def test_short_identifiers_of_the_usim(one: layout.Line) -> None:
    """TS 31.102 4.2: each is one file's alone, and reads that file."""
    card = card_of(CardProfile())
    usim = applications(card.master)[0]
    assert [ef.fid for ef in usim.children if isinstance(ef, Ef) and ef.sfi == one.sfi] == [one.fid]
    transmit(card, bytes([0x00, 0xA4, 0x04, 0x0C, 16]) + layout.USIM_AID)
    if one.records:
        command = bytes([0x00, 0xB2, 0x01, one.sfi << 3 | 4, one.size])
    else:
        command = bytes([0x00, 0xB0, 0x80 | one.sfi, 0x00, one.size])
    assert len(transmit(card, command)) == one.size + 2


def test_a_subscriber_in_the_files() -> None:
    card = card_of(CardProfile(imsi="262011234567890", numbers=(("me", "+4915112345"),), smsc="+49171076"))
    usim = applications(card.master)[0]

    def content(fid: int) -> bytes:
        found = usim.child(fid)
        assert isinstance(found, Ef)
        return bytes(found.content)

    assert coding.imsi_of(content(layout.IMSI)) == "262011234567890"
    assert content(layout.ACC) == b"\x00\x01"
    assert content(layout.HPLMN_WACT) == bytes.fromhex("62F2104000")
    assert content(layout.MSISDN)[:24] == b"me" + b"\xff" * 8 + bytes.fromhex("06919451113254" + "FF" * 7)
    build.subscribe(card.master, "222010000000005", "22201")
    assert coding.imsi_of(content(layout.IMSI)) == "222010000000005"
    assert content(layout.ACC) == b"\x00\x20"
    assert content(layout.EPSLOCI) == b"\xff" * 18


@pytest.mark.parametrize("digits", ["0010101234", "001010123456789", "00101012345678"])
def test_imsis_of_any_length(digits: str) -> None:
    assert coding.imsi_of(coding.imsi_file(digits)) == digits


@pytest.mark.parametrize("number", ["112", "+4915112345678", "*100#"])
def test_numbers(number: str) -> None:
    found = coding.dialled(coding.dialling(number))
    assert found is not None
    assert found[0] == number


def test_a_directory_knows_its_application() -> None:
    usim = applications(card_of(CardProfile()).master)[0]
    below = next(one for one in usim.children if isinstance(one, Df))
    assert below.application is usim
    assert applications(card_of(CardProfile(isim=False)).master)[0].name == "USIM"
