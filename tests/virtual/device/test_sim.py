"""The SIM by AT, with the rows of LENA-R8 guide chapter 10."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.virtual.device.config import luhn_digit
from cellbench.virtual.uicc.coding import swapped

Make = Callable[..., Any]


def test_identities_as_the_guide_prints_them(module: Any) -> None:
    assert module.at("AT+CIMI") == ["222885850018994", "OK"]
    assert module.at("AT+CCID") == ["+CCID: 8939883485100059944F", "OK"]
    assert module.at("AT+CPIN?") == ["+CPIN: READY", "OK"]
    (number, result) = module.at("AT+CNUM")
    assert (number[:11], number[14:], result) == ('+CNUM: ,"+3', '50018994",145', "OK")


def test_rows_of_crsm(module: Any) -> None:
    """Table 45."""
    assert module.at("AT+CRSM=176,28423,0,0,9") == ['+CRSM: 144,0,"082922888505109849"', "OK"]
    assert module.at("AT+CRSM=176,28542,0,0,11") == ['+CRSM: 144,0,"5C36967C22F2885FC90000"', "OK"]
    assert module.at('AT+CRSM=214,28542,0,0,11,"FFFFFFFFFFFFFFFFFFFFFF"') == ['+CRSM: 144,0,""', "OK"]
    assert module.at("AT+CRSM=176,28542,0,0,11") == ['+CRSM: 144,0,"' + "F" * 22 + '"', "OK"]
    assert module.at("AT+CRSM=178,28599,1,4,16") == [
        '+CRSM: 144,0,"11F2FF456D657267656E6379FFFFFF17"', "OK"]


def test_refusals_of_the_card(module: Any) -> None:
    assert module.at("AT+CRSM=176,12345,0,0,9") == ["+CRSM: 106,130", "OK"]
    assert module.at("AT+CRSM=176,28423,0,0,10") == ["+CRSM: 103,0", "OK"]
    assert module.at('AT+CRSM=214,28423,0,0,9,"000000000000000000"') == ["+CRSM: 105,130", "OK"]
    assert module.at("AT+CRSM=178,28599,2,4,16") == ["+CRSM: 106,131", "OK"]
    assert module.at("AT+CRSM=176,28423,0,0,0") == ['+CRSM: 144,0,"082922888505109849"', "OK"]
    assert module.at("AT+CRSM=177,28423,0,0,0") == ["ERROR"]


def test_logical_channels_of_lena(lena: Any) -> None:
    """Table 46."""
    assert lena.at('AT+CSIM=10,"0070000000"') == ["+CSIM: 4,6C01", "OK"]
    assert lena.at('AT+CSIM=10,"0070000001"') == ['+CSIM: 6,"019000"', "OK"]
    assert lena.at('AT+CSIM=14,"01A40004023F00"') == [
        '+CSIM: 86,"62278202782183023F00A507800171830242868A01058B032F0601C60C90016083010183010A83010C9000"',
        "OK"]
    assert lena.at('AT+CSIM=14,"01A40004022FE2"') == [
        '+CSIM: 54,"62178202412183022FE28A01058B032F06088002000A8801109000"', "OK"]
    assert lena.at('AT+CSIM=10,"01B00000FF"') == ['+CSIM: 24,"989388435801009549F49000"', "OK"]
    assert lena.at('AT+CSIM=10, "0070800100"') == ['+CSIM: 4,"9000"', "OK"]
    assert lena.at('AT+CSIM=14,"01A40004023F00"') == ['+CSIM: 4,"6881"', "OK"]
    assert lena.at('AT+CSIM=12,"0070000001"') == ["ERROR"]


def test_logical_channels_of_lara(lara: Any) -> None:
    """Application note: channel 1 is in use by the module."""
    assert lara.at('AT+CSIM=10,"0070000000"') == ['+CSIM: 6,"029000"', "OK"]
    assert lara.at('AT+CSIM=10,"0270800200"') == ['+CSIM: 4,"9000"', "OK"]


def test_tries_left_by_the_card_itself(module: Any) -> None:
    """TS 102 221 11.1.9: VERIFY without data; ModemManager asks so."""
    assert module.at('AT+CSIM=10,"0020000100"') == ['+CSIM: 4,"63C3"', "OK"]
    assert module.at('AT+CSIM=10,"002C000100"') == ['+CSIM: 4,"63CA"', "OK"]
    module.at('AT+CLCK="SC",1,"0000"')
    assert module.at('AT+CSIM=10,"0020000100"') == ['+CSIM: 4,"63C2"', "OK"]


def test_pin_lock(module: Any) -> None:
    module.at("AT+CMEE=1")
    assert module.at('AT+CLCK="SC",2') == ["+CLCK: 0", "OK"]
    assert module.at('AT+CLCK="SC",1,"9999"') == ["+CME ERROR: 16"]
    assert module.at('AT+CLCK="SC",1,"1234"') == ["OK"]
    assert module.at('AT+CLCK="SC",2') == ["+CLCK: 1", "OK"]
    assert module.at('AT+CPWD="SC","1234","5678"') == ["OK"]
    module.at("AT+CFUN=16")
    module.until(lambda: module.module.power.boots == 2 and module.module.power.running, 40)
    module.run(5)
    module.wake()
    module.at("AT+CMEE=1")
    assert module.at("AT+CPIN?") == ["+CPIN: SIM PIN", "OK"]
    assert module.at("AT+CIMI") == ["+CME ERROR: 11"]
    module.run(60)
    assert not module.module.radio.registered
    assert module.at('AT+CPIN="5678"') == ["OK"]
    assert module.at("AT+CPIN?") == ["+CPIN: READY", "OK"]
    module.until(lambda: module.module.radio.registered, 60)
    assert module.at("AT+CPIN=5678") == ["+CME ERROR: 3"]


def test_three_wrong_pins_want_the_puk(module: Any) -> None:
    module.at("AT+CMEE=1")
    for answer in (16, 16, 12):
        assert module.at('AT+CLCK="SC",1,"0000"') == [f"+CME ERROR: {answer}"]
    assert module.at("AT+CPIN?") == ["+CPIN: SIM PUK", "OK"]
    assert module.at('AT+CPIN="00000000","1111"') == ["+CME ERROR: 16"]
    assert module.at('AT+CPIN="12345678","1111"') == ["OK"]
    assert module.at("AT+CPIN?") == ["+CPIN: READY", "OK"]


def test_without_a_card(driven: Make, series: Series) -> None:
    one = driven(series)
    one.module.sim.present = False
    one.power_up()
    one.wake()
    one.run(10)
    one.at("AT+CMEE=1")
    for line in ("AT+CPIN?", "AT+CIMI", "AT+CCID", "AT+CRSM=176,28423,0,0,9"):
        assert one.at(line) == ["+CME ERROR: 10"]
    one.at("AT+CMEE=2")
    assert one.at("AT+CPIN?")[0].casefold() == "+cme error: sim not inserted"
    one.run(60)
    assert not one.module.radio.registered


def test_numbers_of_further_modules_differ_and_are_valid() -> None:
    assert luhn_digit("7992739871") == "3"
    assert swapped("123") == bytes.fromhex("21F3")


@pytest.mark.parametrize(("line", "expected"), [
    ("ATI", "model"), ("ATI0", "model"), ("ATI9", "firmware"), ("AT+CGSN", "imei"), ("AT+GSN", "imei")])
def test_identity(module: Any, line: str, expected: str) -> None:
    assert module.at(line) == [getattr(module.config, expected), "OK"]


def test_identity_in_one_line(lena: Any) -> None:
    """LENA-R8 guide Table 20: both lines, one OK."""
    assert lena.at("ATI0I9") == ["LENA-R8001M10-00C-00", "02.00,A01.22", "OK"]
    assert lena.at("AT+CGSN=1") == ['+CGSN: "353760970000040"', "OK"]
    assert lena.at("AT+CGMR") == ["02.00", "OK"]
    assert lena.at("AT+CGMM")[0].startswith("LENA-R8")


def test_messages_as_far_as_hosts_need_them(module: Any) -> None:
    assert module.at("AT+CMGF=1") == ["OK"]
    assert module.at("AT+CMGF?") == ["+CMGF: 1", "OK"]
    assert module.at('AT+CMGL="ALL"') == ["OK"]
    assert module.at("AT+CMGR=1") == ["+CMS ERROR: 321"]
    assert module.at('AT+CPMS="ME","ME","ME"') == ["+CPMS: 0,255,0,255,0,255", "OK"]
    assert module.at("AT+CPMS?") == ['+CPMS: "ME",0,255,"ME",0,255,"ME",0,255', "OK"]
    assert module.at("AT+CNMI=2,1") == ["OK"]
    assert module.at("AT+CNMI?")[0].startswith("+CNMI: 2,1")
