"""Status words, file control parameters and data objects: as the LENA-R8 guide prints them, as ETSI has
them (TS 102 221), and whatever else may come."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cellbench.wire.uicc.errors import MalformedAnswer
from cellbench.wire.uicc.fcp import FileControl, LifeCycle, Structure, parse_fcp
from cellbench.wire.uicc.status import MEANINGS, Kind, Status, parse_answer
from cellbench.wire.uicc.tlv import Tlv, encode_tlv, parse_tlvs

MF = bytes.fromhex("62278202782183023F00A507800171830242868A01058B032F0601C60C90016083010183010A83010C")
ICCID = bytes.fromhex("62178202412183022FE28A01058B032F06088002000A880110")
VECTORS = Path(__file__).parents[2] / "vectors" / "uicc" / "ts_102_221.yaml"


def test_master_file_of_the_guide() -> None:
    """Table 46; the PIN status: key 01 disabled, 0A and 0C enabled (TS 102 221 9.5.2)."""
    assert parse_fcp(MF) == FileControl(
        Structure.DIRECTORY, shareable=True, file=0x3F00, life=LifeCycle.ACTIVATED, rule=(0x2F06, 1),
        pins={0x01: False, 0x0A: True, 0x0C: True})


def test_iccid_file_of_the_guide() -> None:
    """Table 46: ten octets, short identifier 2."""
    assert parse_fcp(ICCID) == FileControl(
        Structure.TRANSPARENT, shareable=True, file=0x2FE2, size=10, sfi=2, life=LifeCycle.ACTIVATED,
        rule=(0x2F06, 8))


def test_other_files() -> None:
    """11.1.1.4.3, 11.1.1.4.8, 11.1.1.4.9."""
    records = parse_fcp(bytes.fromhex("620D" "82054221001004" "83026FB7"  "8800"))
    assert (records.structure, records.record_size, records.records, records.sfi) == (
        Structure.LINEAR, 16, 4, 0)
    cyclic = parse_fcp(bytes.fromhex("620E" "82050621000305" "83026F39" "8A0104"))
    assert (cyclic.structure, cyclic.shareable, cyclic.life) == (
        Structure.CYCLIC, False, LifeCycle.DEACTIVATED)
    assert parse_fcp(bytes.fromhex("6208" "82023921" "83024F50")).structure is Structure.BER_TLV
    implied = parse_fcp(bytes.fromhex("6208" "82020121" "83026F07"))
    assert implied.sfi == 0x07, "without tag 88 the last five bits of the identifier"
    named = parse_fcp(bytes.fromhex("620D" "82027821" "8407A0000000871002"))
    assert (named.name.hex().upper(), named.file, named.sfi) == ("A0000000871002", None, 0)


@pytest.mark.parametrize("code", [
    "", "9000", "6F00", "6200", "620382027821", "62048202782100", "620482027F21", "6204820242FF",
    "620782057821001004", "6203820178", "620882020121" "830101" "00", "6206" "82020121" "8000",
])
def test_what_is_no_template(code: str) -> None:
    with pytest.raises(MalformedAnswer):
        parse_fcp(bytes.fromhex(code))


@given(st.binary(max_size=60))
def test_any_octets(octets: bytes) -> None:
    """Parsed, or refused as malformed: nothing else."""
    for read in (parse_fcp, parse_tlvs, parse_answer):
        with contextlib.suppress(MalformedAnswer):
            assert read(octets) is not None


@given(st.lists(st.tuples(st.sampled_from([0x62, 0x80, 0x82, 0xA5, 0x5F50, 0x7F4E]), st.binary(max_size=300)),
                max_size=4))
def test_objects_there_and_back(objects: list[tuple[int, bytes]]) -> None:
    coded = b"".join(encode_tlv(tag, value) for tag, value in objects)
    assert parse_tlvs(coded) == tuple(Tlv(tag, value) for tag, value in objects)
    assert parse_tlvs(coded + b"\xff\xff", padding=True) == parse_tlvs(coded)


def test_objects() -> None:
    (outer,) = parse_tlvs(bytes.fromhex("A507800171830242" "86"))
    assert outer.constructed
    assert [part.tag for part in outer.parts()] == [0x80, 0x83]
    assert not Tlv(0x5F50, b"").constructed
    for code in ("80", "8002FF", "8080", "8084000000", "1F", "1F8181818101"):
        with pytest.raises(MalformedAnswer):
            parse_tlvs(bytes.fromhex(code))


WORDS = {
    0x9000: (True, Kind.NORMAL, None), 0x910F: (True, Kind.NORMAL, None),
    0x9300: (False, Kind.POSTPONED, None),
    0x63C2: (False, Kind.WARNING, 2), 0x63C0: (False, Kind.WARNING, 0), 0x6983: (False, Kind.NOT_ALLOWED, 0),
    0x6C01: (False, Kind.WRONG_LENGTH, None), 0x6110: (False, Kind.MORE, None),
    0x6A82: (False, Kind.PARAMETERS, None), 0x9862: (False, Kind.APPLICATION, None),
    0x6E00: (False, Kind.CHECKING, None), 0x6581: (False, Kind.EXECUTION, None),
    0x9900: (False, Kind.UNKNOWN, None),
}


@pytest.mark.parametrize("word", WORDS, ids=[f"{word:04X}" for word in WORDS])
def test_words(word: int) -> None:
    status = Status.of(word)
    assert (status.ok, status.kind, status.tries) == WORDS[word]
    assert status.meaning
    assert str(status).startswith(f"{word:04X}")


def test_meanings() -> None:
    assert Status.of(0x63C2).meaning == "verification failed, 2 tries left"
    assert Status.of(0x6C00).meaning == "wrong length, 256 is exact"
    assert Status.of(0x6100).meaning == "256 octets of response wait"
    assert "15 octets" in Status.of(0x910F).meaning
    assert "unknown" in Status.of(0x6A01).meaning
    assert len(set(MEANINGS.values())) > len(MEANINGS) - 6


def test_answers() -> None:
    answer = parse_answer(bytes.fromhex("019000"))
    assert (answer.data, answer.ok, answer.hex) == (b"\x01", True, "019000")
    for code in ("", "90", "0000", "6001"):
        with pytest.raises(MalformedAnswer):
            parse_answer(bytes.fromhex(code))


def test_every_word_of_the_conformance_set_has_a_meaning() -> None:
    """The words that the rows of tests/vectors/uicc expect as they stand."""
    rows = [row for session in yaml.safe_load(VECTORS.read_text())["sessions"] for row in session["rows"]]
    ends = {row["expect"][-4:] for row in rows}
    words = {end for end in ends if set(end) <= set("0123456789ABCDEF")}
    assert len(words) > 10
    for word in words:
        assert "unknown" not in Status.of(int(word, 16)).meaning, word
