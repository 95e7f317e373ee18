"""What a capture must not tell is not in it, wherever it was answered."""

from __future__ import annotations

import pytest

from cellbench.bridge.masking import Masker
from cellbench.bridge.model import Exchange
from cellbench.bridge.pdu import masked_pdu
from cellbench.bridge.stand_ins import StandIns
from cellbench.catalogue.model import Series
from cellbench.host.secrets import Secrets


def answer(send: str, *lines: str) -> Exchange:
    return Exchange(n=1, grade=0, send=send, lines=lines, final="OK", final_s=0.0)


def masked(*exchanges: Exchange, secret: str = "") -> list[tuple[str, ...]]:
    known = Secrets()
    known.learn(secret.encode())
    masker = Masker(Series.LARA_R6, known.redact_text)
    masker.learn_all(exchanges)
    return [masker.mask(one).lines for one in exchanges]


def test_what_shows_late_is_gone_from_the_beginning() -> None:
    first, _ = masked(answer("AT+UXYZ?", '+UXYZ: 0,"x-222017305518294"'),
                      answer("AT+CIMI", "222017305518294"))
    assert first == ('+UXYZ: 0,"x-222019000000001"',)


def test_a_password_that_is_read_back_is_blanked() -> None:
    (lines,) = masked(answer("AT+UMQTT?", '+UMQTT: 4,"someone","let me in"', '+UMQTT: 10,60'))
    assert lines == ('+UMQTT: 4,"xxxxxxx","*********"', "+UMQTT: 10,60")


def test_a_pin_stands_nowhere_alone() -> None:
    (lines,) = masked(answer("AT+CPIN?", "+CPIN: 7305", "x7305y"), secret="7305")
    assert lines[0] == "+CPIN: ****"


@pytest.mark.parametrize(("send", "line", "shown"), [
    ("AT+CREG?", '+CREG: 2,1,"1A2B","00C3F101",7', '+CREG: 2,1,"0001","00000002",7'),
    ("AT+UCGED?", "1850,3,50,50,1a2b,c3f101,111", "0001,3,50,50,0002,000003,111"),
    ("AT+CRSM=176,28542,0,0,11", '+CRSM: 144,0,"5C36967C22F2885FC90000"',
     '+CRSM: 144,0,"0000000000F0000F000000"'),
    ("AT+CNUM", '+CNUM: "Rossi","+393487305518",145', '+CNUM: "xxxxx","+393490000001",145'),
    ("AT+CCLK?", '+CCLK: "26/11/21,20:58:38+04"', '+CCLK: "26/11/21,20:58:38+04"'),
    ("AT+CGPADDR", '+CGPADDR: 1,"2A00:1450::2004"', '+CGPADDR: 1,"2001:0db8::0001"'),
    ("AT+CGCONTRDP", '+CGCONTRDP: 1,5,"a","42.0.20.80.0.1.0.2.0.0.0.0.0.0.32.4"',
     '+CGCONTRDP: 1,5,"a","10.8.77.10.9.8.7.2.0.0.0.0.9.8.77.3"'),
    ("AT+UBANDMASK=?", "+UBANDMASK: (0-18446744073709551615)", "+UBANDMASK: (0-18446744073709551615)"),
])
def test_places_names_and_addresses(send: str, line: str, shown: str) -> None:
    (lines,) = masked(answer(send, line))
    assert lines == (shown,)


def test_a_message_keeps_its_form_and_loses_its_persons() -> None:
    # SMS-DELIVER of 3GPP TS 23.040 9.2.2.1: service centre, sender, time, seven-bit text
    pdu = "07919333851805F2040C919343780355810000621121025183400AE8329BFD4697D9EC37"
    made = masked_pdu(pdu, StandIns())
    assert len(made) == len(pdu)
    assert made[:6] == pdu[:6]
    assert "9343780355" not in made
    assert made.endswith("0A" + "00" * 9)
    assert masked_pdu("0791zz", StandIns()) == "000000"


def test_the_text_of_a_message_is_gone() -> None:
    (lines,) = masked(answer("AT+CMGR=1", '+CMGR: "REC READ","+393487305518",,"26/11/21,10:00:00+04"',
                             "meet me at nine"))
    assert lines[1] == "x" * 15
    assert "7305518" not in lines[0]
