"""Codings: values that the LENA-R8 guide prints (Tables 45, 46), those of 3GPP TS 24.008 and 31.102, both
ways."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.wire.uicc import codec
from cellbench.wire.uicc.errors import MalformedAnswer, UnsendableApdu
from cellbench.wire.uicc.files import FileId, Location, decode_location, decode_mnc_length

DIGITS = st.text("0123456789", min_size=1, max_size=20)


def test_values_of_the_guide() -> None:
    assert codec.swapped(bytes.fromhex("989388435801009549F4")) == "8939883485100059944F"
    assert codec.decode_iccid(bytes.fromhex("989388435801009549F4")) == "8939883485100059944"
    assert codec.decode_imsi(bytes.fromhex("082922888505109849")) == "222885850018994"
    loci = bytes.fromhex("5C36967C22F2885FC90000")
    assert decode_location(FileId.LOCI, loci) == Location("22288", 0x5FC9, 0)
    record = bytes.fromhex("11F2FF456D657267656E6379FFFFFF17")
    assert codec.decode_emergency(record) == ("112", "Emergency", 0x17)


def test_networks() -> None:
    """24.008 10.5.1.13: an MNC of two digits has F in the third half octet."""
    assert codec.decode_plmn(bytes.fromhex("22F288")) == "22288"
    assert codec.decode_plmn(bytes.fromhex("130014")) == "310410"
    assert codec.encode_plmn("310410").hex() == "130014"
    assert codec.encode_plmn("22288").hex() == "22f288"
    assert codec.decode_plmns(bytes.fromhex("FFFFFF22F288FFFFFF")) == ("22288",)
    assert codec.encode_plmns(("22288",), 2).hex() == "22f288ffffff"
    assert codec.decode_preferred(bytes.fromhex("22F2884000FFFFFF0000")) == (("22288", 0x4000),)
    assert decode_location(FileId.EPSLOCI, bytes.fromhex("FF" * 12 + "22F2882046" + "01")) == (
        Location("22288", 0x2046, 1))
    assert decode_location(FileId.PSLOCI, b"\xff" * 14) == Location("", 0xFFFF, 7)


@pytest.mark.parametrize("code", ["", "22F2", "22F28A", "FAF288", "22FFFF"])
def test_what_is_no_network(code: str) -> None:
    with pytest.raises(MalformedAnswer):
        codec.decode_plmn(bytes.fromhex(code))


@pytest.mark.parametrize("plmn", ["2228", "2228888", "22a88", "２２２８８"])
def test_what_no_network_is_named(plmn: str) -> None:
    with pytest.raises(UnsendableApdu):
        codec.encode_plmn(plmn)
    with pytest.raises(UnsendableApdu):
        codec.encode_plmns(("22288", "22201"), 1)


@pytest.mark.parametrize("code", ["", "08" + "29" * 7, "092922888505109849", "FF" * 9, "082A22888505109849",
                                  "082822888505109849"])
def test_what_is_no_imsi(code: str) -> None:
    with pytest.raises(MalformedAnswer, match="EF_IMSI"):
        codec.decode_imsi(bytes.fromhex(code))


@given(st.text("0123456789", min_size=6, max_size=15))
def test_imsi_there_and_back(digits: str) -> None:
    coded = codec.encode_imsi(digits)
    assert len(coded) == 9
    assert codec.decode_imsi(coded) == digits


@given(st.text("0123456789", min_size=18, max_size=20))
def test_iccid_there_and_back(digits: str) -> None:
    assert codec.decode_iccid(codec.encode_iccid(digits)) == digits


@given(st.text("0123456789", min_size=5, max_size=6))
def test_network_there_and_back(plmn: str) -> None:
    assert codec.decode_plmn(codec.encode_plmn(plmn)) == plmn


@given(DIGITS)
def test_digits_there_and_back(digits: str) -> None:
    assert codec.swapped(codec.unswapped(digits)).rstrip("F") == digits


@given(st.binary(max_size=24))
def test_any_octets(octets: bytes) -> None:
    for read in (codec.decode_iccid, codec.decode_imsi, codec.decode_plmns, codec.decode_preferred,
                 codec.decode_emergency, lambda one: decode_location(FileId.EPSLOCI, one)):
        with contextlib.suppress(MalformedAnswer):
            assert read(octets) is not None
    assert isinstance(codec.decode_alpha(octets), str)


def test_check_digit() -> None:
    """ITU-T E.118: the example of ISO/IEC 7812 annex B, and one digit off."""
    assert codec.luhn_holds("49927398716")
    assert not codec.luhn_holds("49927398717")


def test_names() -> None:
    assert codec.decode_alpha(b"WIND\xff\xff") == "WIND"
    assert codec.decode_alpha(bytes.fromhex("80732BFFFFFF")) == "猫"
    assert codec.decode_emergency(b"\xff" * 16) == ("", "", 0)
    assert codec.is_empty(b"\xff\xff")
    assert not codec.is_empty(b"\xff\x00")


def test_length_of_the_network_code() -> None:
    assert decode_mnc_length(bytes.fromhex("00000002")) == 2
    assert decode_mnc_length(bytes.fromhex("000000FF")) is None
    assert decode_mnc_length(bytes.fromhex("000000")) is None


@pytest.mark.parametrize("digits", ["", "1" * 17, "1" * 21, "12345678901234567x"])
def test_what_is_no_iccid(digits: str) -> None:
    with pytest.raises(UnsendableApdu):
        codec.encode_iccid(digits)
    with pytest.raises(UnsendableApdu):
        codec.encode_imsi(digits.ljust(16, "x"))
