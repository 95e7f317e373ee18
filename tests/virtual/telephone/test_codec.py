"""The codec of short messages against PDUs of foreign programs, against itself, and against rubbish."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cellbench.virtual.net.telephone import fields, tpdu
from cellbench.virtual.net.telephone.alphabet import (
    DEFAULT,
    EXTENSION,
    nearest_septets,
    pack,
    septets,
    text_of,
    unpack,
)
from cellbench.virtual.net.telephone.fields import Address, Alphabet, Malformed, Reader

VECTORS = yaml.safe_load(
    (Path(__file__).parents[2] / "vectors" / "sms" / "pdus.yaml").read_text(encoding="utf-8"))
ALL = "".join(char for code, char in enumerate(DEFAULT) if code != 27) + "".join(EXTENSION.values())


def split(pdu: str) -> tuple[Address | None, bytes]:
    reader = Reader(bytes.fromhex(pdu))
    return fields.take_centre(reader), reader.rest()


@pytest.mark.parametrize("one", VECTORS["packed"], ids=lambda one: one["text"])
def test_septets_are_packed_as_others_do(one: Any) -> None:
    codes = septets(one["text"])
    assert codes is not None
    assert pack(codes).hex().upper() == one["octets"]
    assert text_of(unpack(bytes.fromhex(one["octets"]), len(codes))) == one["text"]


@pytest.mark.parametrize("one", VECTORS["addresses"], ids=lambda one: one["octets"])
def test_addresses(one: Any) -> None:
    address = fields.take_address(Reader(bytes.fromhex(one["octets"])))
    assert address.text == one["text"]
    assert fields.put_address(address).hex().upper() == one["octets"]


@pytest.mark.parametrize("one", VECTORS["centres"], ids=lambda one: one["octets"])
def test_service_centres(one: Any) -> None:
    centre = fields.take_centre(Reader(bytes.fromhex(one["octets"])))
    assert centre is not None
    assert centre.text == one["text"]
    assert fields.put_centre(centre).hex().upper() == one["octets"]
    assert fields.put_centre(None) == b"\0"


@pytest.mark.parametrize("one", VECTORS["validity"], ids=lambda one: one["octet"])
def test_relative_validity(one: Any) -> None:
    assert fields.relative_seconds(one["octet"]) == one["seconds"]


@pytest.mark.parametrize("one", VECTORS["times"], ids=lambda one: one["octets"])
def test_time_stamps(one: Any) -> None:
    moment = fields.take_time(bytes.fromhex(one["octets"]))
    assert fields.time_text(moment) == one["text"]
    assert fields.put_time(moment).hex().upper() == one["octets"]
    assert fields.time_from_text(one["text"]) == moment


@pytest.mark.parametrize("one", VECTORS["deliver"], ids=lambda one: one["text"][:20])
def test_deliver(one: Any) -> None:
    centre, octets = split(one["pdu"])
    message = tpdu.decode(octets)
    assert isinstance(message, tpdu.Deliver)
    assert centre is not None
    assert (centre.text, message.sender.text) == (one["centre"], one["party"])
    assert fields.time_text(message.at) == one["at"]
    assert tpdu.readable(message.first, message.coding, message.data) == one["text"]
    part = tpdu.concatenation(message.data.header(message.first))
    assert part == (tuple(one["part"]) if "part" in one else None)
    assert message.encode() == octets


@pytest.mark.parametrize("one", VECTORS["submit"], ids=lambda one: one["pdu"][-16:])
def test_submit(one: Any) -> None:
    centre, octets = split(one["pdu"])
    message = tpdu.decode(octets, stored_for_sending=True)
    assert isinstance(message, tpdu.Submit)
    assert (None if centre is None else centre.text) == one.get("centre")
    assert message.to.text == one["party"]
    assert tpdu.readable(message.first, message.coding, message.data) == one.get("text")
    if "hex" in one:
        assert message.data.octets.hex().upper() == one["hex"]
    relative = message.relative
    assert (None if relative is None else fields.relative_seconds(relative)) == one.get("seconds")
    assert (None if message.until is None else fields.time_text(message.until)) == one.get("until")
    assert message.encode() == octets


@pytest.mark.parametrize("one", VECTORS["report"], ids=lambda one: one["pdu"])
def test_status_report(one: Any) -> None:
    _, octets = split(one["pdu"])
    report = tpdu.decode(octets)
    assert isinstance(report, tpdu.StatusReport)
    assert report.to.text == one["party"]
    assert (report.reference, report.status) == (one["reference"], one["status"])
    assert fields.time_text(report.at) == one["at"]
    assert fields.time_text(report.discharged) == one["discharged"]
    assert report.encode() == octets


@pytest.mark.parametrize("pdu", VECTORS["damaged"])
def test_damaged_ones_are_refused(pdu: str) -> None:
    with pytest.raises(Malformed):
        tpdu.decode(split(pdu)[1])


def test_a_long_text_is_cut_as_others_cut_it() -> None:
    wanted = VECTORS["concatenated"]
    parts = tpdu.parts_of(wanted["text"], wanted["reference"])
    found = [bytes((part.length,)) + part.octets for _, _, part in parts]
    assert [one.hex().upper() for one in found] == wanted["user_data"]


# against itself
@given(st.text(ALL, max_size=160), st.integers(0, 6))
def test_every_text_of_the_alphabet_comes_back(text: str, fill: int) -> None:
    codes = septets(text)
    assert codes is not None
    assert text_of(unpack(pack(codes, fill), len(codes), fill)) == text


@given(st.text(max_size=600), st.integers(0, 255))
def test_long_texts_come_back_from_their_parts(text: str, reference: int) -> None:
    text = "".join(char for char in text if not 0xD800 <= ord(char) < 0xE000)
    whole, seen = "", []
    for first, alphabet, part in tpdu.parts_of(text, reference):
        assert len(part.octets) <= tpdu.MAX_OCTETS
        scheme = fields.Coding(alphabet)
        piece = tpdu.readable(first, scheme, part)
        assert piece is not None
        whole += piece
        seen.append(tpdu.concatenation(part.header(first)))
    assert whole == text
    if len(seen) > 1:
        assert seen == [(reference, len(seen), number) for number in range(1, len(seen) + 1)]


@given(st.binary(max_size=180))
def test_rubbish_is_refused_and_nothing_else(octets: bytes) -> None:
    for decoder in (tpdu.Submit.decode, tpdu.Deliver.decode, tpdu.StatusReport.decode):
        try:
            message = decoder(octets)
        except Malformed:
            continue
        if not isinstance(message, tpdu.StatusReport):
            tpdu.readable(message.first, message.coding, message.data)


@given(st.binary(max_size=160))
def test_what_decodes_encodes_to_the_same_meaning(octets: bytes) -> None:
    try:
        message = tpdu.Submit.decode(bytes((octets[0] & ~3 | 1,)) + octets[1:] if octets else octets)
        message.until  # noqa: B018
    except Malformed:
        return
    assert tpdu.Submit.decode(message.encode()) == message


def test_characters_of_neither_table() -> None:
    assert septets("`") is None
    assert nearest_septets("a`b") == b"a b"
    assert text_of(bytes((27,))) == " "
    assert text_of(bytes((27, 97))) == "a"


@pytest.mark.parametrize(("dcs", "alphabet", "number"), [
    (0x00, Alphabet.GSM7, None), (0x04, Alphabet.DATA, None), (0x08, Alphabet.UCS2, None),
    (0x10, Alphabet.GSM7, 0), (0x12, Alphabet.GSM7, 2), (0x18, Alphabet.UCS2, 0), (0xF6, Alphabet.DATA, 2),
    (0xF1, Alphabet.GSM7, 1), (0xC8, Alphabet.GSM7, None), (0xE0, Alphabet.UCS2, None),
    (0x80, Alphabet.GSM7, None), (0x0C, Alphabet.GSM7, None)])
def test_data_coding(dcs: int, alphabet: Alphabet, number: int | None) -> None:
    scheme = fields.coding(dcs)
    assert (scheme.alphabet, scheme.number) == (alphabet, number)
