"""Short messages at the AT interface, by 3GPP TS 27.005, and what the network does with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.virtual.device.module import Output
from cellbench.virtual.net.telephone.network import TelephoneNetwork

Type = Callable[..., list[str]]
Ctl = Callable[..., Any]
TO = "+390402529400"


def number(module: Any) -> str:
    return f"+{module.module.subscriber.number}"


def stored(module: Any) -> list[str]:
    module.at("AT+CMGF=1")
    return list(module.at('AT+CMGL="ALL"'))


def test_factory_state(one: Any) -> None:
    assert one.at("AT+CMGF?") == ["+CMGF: 0", "OK"]
    assert one.at("AT+CPMS?") == ['+CPMS: "ME",0,255,"ME",0,255,"ME",0,255', "OK"]
    assert one.at('AT+CPMS="ME"') == ["+CPMS: 0,255,0,255,0,255", "OK"]
    assert one.at("AT+CSMP?") == ["+CSMP: 17,167,0,0", "OK"]
    assert one.at("AT+CMGL") == ["OK"]
    assert one.at("AT+CMGL=?") == ["+CMGL: (0-4)", "OK"]
    assert one.at("AT+CMGD=?") == ["+CMGD: (),(0-4)", "OK"]


def test_a_message_from_one_to_the_other(pair: tuple[Any, Any], type_in: Type) -> None:
    sender, receiver = pair
    for one in pair:
        one.at("AT+CMGF=1")
        one.at("AT+CNMI=2,1")
    assert type_in(sender, f'AT+CMGS="{number(receiver)}"', "Hello {you}") == ["+CMGS: 0", "OK"]
    assert type_in(sender, f'AT+CMGS="{number(receiver)}"', "Again") == ["+CMGS: 1", "OK"]
    receiver.run(5)
    assert receiver.lines() == ['+CMTI: "ME",1', '+CMTI: "ME",2']
    first, text, *rest = receiver.at("AT+CMGR=1")
    assert first.startswith(f'+CMGR: "REC UNREAD","{number(sender)}",,"')
    assert (text, rest) == ("Hello {you}", ["OK"])
    assert receiver.at('AT+CMGL="REC UNREAD"')[1:] == ["Again", "OK"]
    assert receiver.at('AT+CMGL="REC UNREAD"') == ["OK"], "listing makes them read"
    assert receiver.at("AT+CPMS?")[0].startswith('+CPMS: "ME",2,255')


def test_national_and_international_prefixes(pair: tuple[Any, Any], type_in: Type) -> None:
    sender, receiver = pair
    sender.at("AT+CMGF=1")
    national = number(receiver).removeprefix("+39")
    for way in (national, "0039" + national):
        assert type_in(sender, f'AT+CMGS="{way}"', "x")[-1] == "OK"
    receiver.run(5)
    assert stored(receiver).count("x") == 2


def test_pdu_mode_from_one_to_the_other(pair: tuple[Any, Any], type_in: Type) -> None:
    """The PDU of a stored text is sent; the service centre may be left to +CSCA."""
    sender, receiver = pair
    sender.at("AT+CMGF=1")
    assert type_in(sender, f'AT+CMGW="{number(receiver)}"', "by PDU") == ["+CMGW: 1", "OK"]
    sender.at("AT+CMGF=0")
    head, pdu, _ = sender.at("AT+CMGR=1")
    length = int(head.rpartition(",")[2])
    assert head == f"+CMGR: 2,,{length}"
    assert len(pdu) // 2 == length + 1 + int(pdu[:2], 16)
    assert type_in(sender, f"AT+CMGS={length}", pdu) == ["+CMGS: 0", "OK"]
    bare = "00" + pdu[2 * (1 + int(pdu[:2], 16)):]
    assert type_in(sender, f"AT+CMGS={length}", bare) == ["+CMGS: 1", "OK"]
    assert type_in(sender, f"AT+CMGS={length - 1}", pdu) == ["+CMS ERROR: 304"]
    assert type_in(sender, f"AT+CMGS={length}", "xyz") == ["+CMS ERROR: 304"]
    assert type_in(sender, "AT+CMGS=3", "00110000") == ["+CMS ERROR: 304"]
    receiver.run(5)
    head, pdu, _ = receiver.at("AT+CMGR=1")
    assert head.startswith("+CMGR: 0,,")
    assert pdu.startswith("0791930000000000")
    assert stored(receiver).count("by PDU") == 2


def test_stored_message_is_sent_and_counts_as_sent(pair: tuple[Any, Any], type_in: Type) -> None:
    sender, receiver = pair
    sender.at("AT+CMGF=1")
    type_in(sender, f'AT+CMGW="{TO}"', "later")
    assert sender.at(f'AT+CMSS=1,"{number(receiver)}"') == ["+CMSS: 0", "OK"]
    assert sender.at('AT+CMGL="STO SENT"') == [f'+CMGL: 1,"STO SENT","{TO}",,', "later", "OK"]
    receiver.run(5)
    assert "later" in stored(receiver)
    receiver.at("AT+CMGF=1")
    assert receiver.at("AT+CMSS=1") == ["+CMS ERROR: 303"]
    assert receiver.at("AT+CMSS=9") == ["+CMS ERROR: 321"]


def test_headers(one: Any, type_in: Type) -> None:
    """+CSDH (27.005 3.3.3, 4.2)."""
    one.at("AT+CMGF=1")
    one.at("AT+CSDH=1")
    type_in(one, f'AT+CMGW="{TO}"', "abc")
    assert one.at("AT+CMGR=1") == [
        f'+CMGR: "STO UNSENT","{TO}",,145,17,0,0,167,"+390000000000",145,3', "abc", "OK"]
    assert one.at('AT+CMGL="ALL"')[0] == f'+CMGL: 1,"STO UNSENT","{TO}",,,145,3'


def test_delete(one: Any, type_in: Type, ctl: Ctl) -> None:
    one.at("AT+CMGF=1")
    for text in ("a", "b"):
        type_in(one, f'AT+CMGW="{TO}"', text)
        ctl(one, "sms", text=text)
    one.run(5)
    one.at("AT+CMGR=2")
    assert one.at("AT+CMGD=?")[0] == "+CMGD: (1,2,3,4),(0-4)"
    assert one.at("AT+CMGD=1,1") == ["OK"]  # what has been read
    assert one.at("AT+CMGD=?")[0] == "+CMGD: (1,3,4),(0-4)"
    assert one.at("AT+CMGD=1") == ["OK"]
    assert one.at("AT+CMGD=1") == ["+CMS ERROR: 321"]
    assert one.at("AT+CMGD=1,3") == ["OK"]
    assert one.at("AT+CMGD=?")[0] == "+CMGD: (4),(0-4)"
    assert one.at("AT+CMGD=1,4") == ["OK"]
    assert one.at("AT+CMGD=?")[0] == "+CMGD: (),(0-4)"


def test_escape_and_silence_at_the_prompt(one: Any, type_in: Type) -> None:
    one.at("AT+CMGF=1")
    assert type_in(one, f'AT+CMGS="{TO}"', "no", b"\x1b") == ["OK"]
    one.uart.clear()
    one.send(f'AT+CMGW="{TO}"\r'.encode())
    one.until(lambda: one.uart.endswith(b"> "), 5)
    one.until(lambda: b"OK" in one.uart, 100)
    assert one.at('AT+CMGL="ALL"') == ["OK"]


def test_text_is_echoed_as_far_as_it_is_text(one: Any) -> None:
    one.at("ATE1")
    one.at("AT+CMGF=1")
    one.uart.clear()
    one.send(f'AT+CMGW="{TO}"\r'.encode())
    one.until(lambda: one.uart.endswith(b"> "), 5)
    one.send(b"echo\x1a")
    one.until(lambda: b"OK" in one.uart, 100)
    assert b"> echo\r\n+CMGW: 1\r\n" in one.uart


@pytest.mark.parametrize(("charset", "typed", "shown"), [
    ("IRA", "a{b}", "a{b}"), ("UCS2", "00E900200061", "00E900200061"), ("GSM", "\x05 a\x00", "\x05 a\x00"),
    ("HEX", "056100", "056100"), ("8859-1", "é", "é")])
def test_character_sets(one: Any, type_in: Type, charset: str, typed: str, shown: str) -> None:
    """27.007 5.5; 27.005 3.1, <data>."""
    one.at("AT+CMGF=1")
    one.at(f'AT+CSCS="{charset}"')
    assert type_in(one, f'AT+CMGW="{TO}"', typed) == ["+CMGW: 1", "OK"]
    assert one.at("AT+CMGR=1")[1] == shown


def test_numbers_in_ucs2(one: Any, type_in: Type) -> None:
    one.at("AT+CMGF=1")
    one.at('AT+CSCS="UCS2"')
    coded = TO.encode("utf-16-be").hex().upper()
    assert type_in(one, f'AT+CMGW="{coded}"', "0061") == ["+CMGW: 1", "OK"]
    assert one.at("AT+CMGR=1")[0] == f'+CMGR: "STO UNSENT","{coded}",'
    assert type_in(one, 'AT+CMGW="0049"', "0061") == ["+CMGW: 2", "OK"], "four digits are no UCS2 of one"
    one.at('AT+CSCS="IRA"')
    assert one.at("AT+CMGR=1")[0] == f'+CMGR: "STO UNSENT","{TO}",'
    assert one.at("AT+CMGR=2")[0] == '+CMGR: "STO UNSENT","0049",'


@pytest.mark.parametrize(("csmp", "typed", "shown", "alphabet"), [
    ("17,167,0,8", "00E9732B", "00E9732B", "ucs2"), ("17,167,0,4", "00FF80", "00FF80", "8bit"),
    ("81,167,0,4", "050003010201AA", "050003010201AA", "8bit"),
    ("17,167,0,240", "flash", "flash", "gsm")])
def test_octets_go_in_hexadecimal(one: Any, type_in: Type, ctl: Ctl, csmp: str, typed: str, shown: str,
                                  alphabet: str) -> None:
    one.at("AT+CMGF=1")
    assert one.at(f"AT+CSMP={csmp}") == ["OK"]
    assert type_in(one, f'AT+CMGS="{TO}"', typed)[-1] == "OK"
    sent = ctl(one, "report", what="telephone")
    assert (sent["alphabet"], sent["to"], sent["sent"]) == (alphabet, TO, "1")
    type_in(one, f'AT+CMGW="{TO}"', typed)
    assert one.at("AT+CMGR=1")[1] == shown


@pytest.mark.parametrize("line", ["AT+CSMP=17,256", 'AT+CSMP=25,"nonsense"', "AT+CSMP=2,167,0,0",
                                  'AT+CSMP=9,"00"'])
def test_text_mode_parameters_that_do_not_fit(one: Any, line: str) -> None:
    before = one.at("AT+CSMP?")
    assert one.at(line)[-1].startswith("+CMS ERROR")
    assert one.at("AT+CSMP?") == before


def test_absolute_validity(one: Any, type_in: Type) -> None:
    one.at("AT+CMGF=1")
    assert one.at('AT+CSMP=25,"30/01/02,03:04:05+08",0,0') == ["OK"]
    one.at("AT+CSDH=1")
    type_in(one, f'AT+CMGW="{TO}"', "x")
    assert '"30/01/02,03:04:05+08"' in one.at("AT+CMGR=1")[0]


def test_refusals_are_cms_errors(driven: Callable[..., Any], one: Any, type_in: Type) -> None:
    """27.005 3.2.5; facts sheet 14.4."""
    one.at("AT+CMEE=1")
    assert one.at("AT+CMGF=7") == ["+CMS ERROR: 305"]
    assert one.at("AT+CMGR=200") == ["+CMS ERROR: 321"]
    assert one.at("AT+CMGL=9") == ["+CMS ERROR: 304"]
    one.at("AT+CMGF=1")
    assert one.at('AT+CMGL="SOME"') == ["+CMS ERROR: 305"]
    assert one.at('AT+CMGS="Bob"') == ["+CMS ERROR: 305"]
    assert type_in(one, f'AT+CMGS="{TO}"', "x" * 161) == ["+CMS ERROR: 305"]
    one.module.sim.remove()
    assert one.at("AT+CMGR=1") == ["+CMS ERROR: 310"]


def test_storing_needs_no_number_and_sending_does(one: Any, type_in: Type) -> None:
    one.at("AT+CMGF=1")
    assert type_in(one, "AT+CMGW", "nobody's") == ["+CMGW: 1", "OK"]
    assert one.at("AT+CMSS=1") == ["+CMS ERROR: 305"]
    assert one.at(f'AT+CMSS=1,"{TO}"')[-1] == "OK"


# coming in
def test_what_is_told_and_where_it_goes(one: Any, ctl: Ctl) -> None:
    """+CNMI (27.005 3.4.1): mt 0, 1, 2, 3."""
    one.at("AT+CMGF=1")
    one.at("AT+CNMI=2,0")
    ctl(one, "sms", text="quiet")
    assert one.lines() == []
    one.at("AT+CNMI=2,1")
    ctl(one, "sms", text="told")
    assert one.lines() == ['+CMTI: "ME",2']
    one.at("AT+CNMI=2,2")
    ctl(one, "sms", text="passed", sender="+49170")
    head, text = one.lines()
    assert head.startswith('+CMT: "+49170",,"')
    assert text == "passed"
    ctl(one, "sms", text="for the card", **{"class": "2"})
    assert one.lines() == ['+CMTI: "SM",1']
    one.at("AT+CNMI=2,3")
    ctl(one, "sms", text="for the terminal", **{"class": "3"})
    assert one.lines()[1] == "for the terminal"
    ctl(one, "sms", text="for the module", **{"class": "1"})
    assert one.lines() == ['+CMTI: "ME",3']
    assert [line for line in stored(one) if line[0] != "+"] == ["quiet", "told", "for the module", "OK"]


def test_pdu_of_what_is_passed_on(one: Any, ctl: Ctl) -> None:
    one.at("AT+CNMI=2,2")
    ctl(one, "sms", text="hellohello", sender="+49170")
    head, pdu = one.lines()
    assert head == f"+CMT: ,{len(pdu) // 2 - 1 - int(pdu[:2], 16)}"
    assert pdu.endswith("0AE8329BFD4697D9EC37")


def test_urcs_in_the_module_wait_for_its_mode(one: Any, ctl: Ctl) -> None:
    one.at("AT+CNMI=0,1")
    ctl(one, "sms", text="a")
    assert one.lines() == []
    one.uart.clear()
    one.send(b"AT+CNMI=2,1\r")
    one.run(1)
    assert one.lines() == ["OK", '+CMTI: "ME",1']
    one.at("AT+CNMI=0,1,0,0,1")
    ctl(one, "sms", text="b")
    assert one.at("AT+CNMI=2,1,0,0,1") == ["OK"]
    one.run(1)
    assert one.lines() == [], "<bfr> 1 forgets what waits"


@pytest.mark.parametrize(("mode", "told"), [(1, False), (2, True)])
def test_a_busy_port(one: Any, ctl: Ctl, mode: int, told: bool) -> None:
    one.at("AT+CMGF=1")
    one.at(f"AT+CNMI={mode},1")
    one.send(f'AT+CMGW="{TO}"\r'.encode())
    one.until(lambda: one.uart.endswith(b"> "), 5)
    ctl(one, "sms", text="now")
    one.uart.clear()
    one.send(b"\x1b")
    one.run(1)
    assert ('+CMTI: "ME",1' in one.lines()) is told


def test_acknowledgement(one: Any, ctl: Ctl) -> None:
    """+CSMS=1 and +CNMA (27.005 3.4.4): one at a time; without it passing on ends."""
    one.at("AT+CMGF=1")
    assert one.at("AT+CNMA") == ["+CMS ERROR: 340"]
    assert one.at("AT+CSMS=1") == ["+CSMS: 1,1,1", "OK"]
    one.at("AT+CNMI=2,2")
    ctl(one, "sms", text="first")
    ctl(one, "sms", text="second")
    assert one.lines()[1:] == ["first"]
    assert one.at("AT+CNMA") == ["OK"]
    one.run(5)
    assert one.lines()[1:] == ["second"]
    one.run(20)
    assert one.at("AT+CNMI?")[0].startswith("+CNMI: 2,0")
    ctl(one, "sms", text="third")
    assert one.at('AT+CMGL="REC UNREAD"')[1] == "third"


def test_long_texts_and_alphabets(one: Any, ctl: Ctl) -> None:
    one.at("AT+CMGF=1")
    one.at("AT+CNMI=2,1")
    assert ctl(one, "sms", text="x" * 200) == {"messages": "2", "waiting": "0"}
    ctl(one, "sms", text="猫")
    ctl(one, "sms", hex="00FF")
    assert len(one.lines()) == 4
    assert one.at("AT+CMGR=1")[1].startswith("050003")
    assert one.at("AT+CMGR=3")[1] == "732B"
    assert one.at("AT+CMGR=4")[1] == "00FF"


def test_ri_for_a_message(one: Any, ctl: Ctl) -> None:
    ctl(one, "sms", text="ring")
    assert one.module.output(Output.RI)
    one.run(1.1)
    assert not one.module.output(Output.RI)


def test_it_wakes_a_sleeping_module(one: Any, ctl: Ctl) -> None:
    one.at("AT+UPSV=3")
    one.run(60)
    one.module.set_input(next(pin for pin in one.module._inputs if pin.name == "DTR"), False)
    assert one.module.sleep.asleep(one.loop.time())
    ctl(one, "sms", text="wake")
    assert not one.module.sleep.asleep(one.loop.time())


def test_indicators(one: Any, ctl: Ctl) -> None:
    one.at("AT+CMER=3,0,0,2")
    ctl(one, "sms", text="x")
    assert "+CIEV: 5,1" in one.lines()
    one.at("AT+CMGR=1")
    one.run(1)
    assert one.at("AT+CIND?")[0].split(",")[4] == "0"


# full stores
def test_a_full_store_keeps_messages_at_the_centre(phone: Callable[..., Any], ctl: Ctl) -> None:
    one = phone(Series.LENA_R8, sms_places=2)
    one.at("AT+CMGF=1")
    one.at("AT+CNMI=2,1")
    for text in ("a", "b", "c"):
        ctl(one, "sms", text=text)
    assert one.lines() == ['+CMTI: "ME",1', '+CMTI: "ME",2']
    assert ctl(one, "report", what="telephone")["waiting"] == "1"
    assert one.at("AT+CIND?")[0].split(",")[7] == "1"
    one.at("AT+CMGD=1")
    one.run(5)
    assert one.lines() == ['+CMTI: "ME",1']
    assert one.at("AT+CMGR=1")[1] == "c"
    one.uart.clear()


def test_writing_to_a_full_store(phone: Callable[..., Any], type_in: Type) -> None:
    one = phone(Series.LARA_R6, sms_places=1)
    one.at("AT+CMGF=1")
    assert type_in(one, f'AT+CMGW="{TO}"', "a") == ["+CMGW: 1", "OK"]
    assert type_in(one, f'AT+CMGW="{TO}"', "b") == ["+CMS ERROR: 322"]


def test_the_card_has_its_own_file(one: Any, type_in: Type) -> None:
    """SM is EF SMS (31.102 4.2.25): status, service centre, TPDU, padding; +CRSM sees it."""
    one.at("AT+CMGF=1")
    places = int(one.at('AT+CPMS="SM","SM"')[0].split(",")[1])
    assert type_in(one, f'AT+CMGW="{TO}"', "on the card") == ["+CMGW: 1", "OK"]
    assert one.at("AT+CMGR=1")[1] == "on the card"
    record = one.at("AT+CRSM=178,28476,1,4,176")[0].split('"')[1]
    assert record.startswith("07079193")
    assert record.endswith("FF" * 100)
    assert one.at('AT+CPMS="MT"')[0] == f"+CPMS: 1,{255 + places},1,{places},0,255"
    assert one.at("AT+CMGR=256")[1] == "on the card"
    one.at("AT+CMGD=256")
    assert one.at("AT+CRSM=178,28476,1,4,176")[0] == '+CRSM: 144,0,"00' + "FF" * 175 + '"'


# the network
def test_a_module_that_is_off_gets_its_messages_later(pair: tuple[Any, Any], type_in: Type) -> None:
    sender, receiver = pair
    receiver.at("AT+CMGF=1")
    receiver.at("AT+COPS=2")
    sender.at("AT+CMGF=1")
    type_in(sender, f'AT+CMGS="{number(receiver)}"', "wait")
    receiver.run(30)
    assert receiver.at('AT+CMGL="ALL"') == ["OK"]
    receiver.at("AT+COPS=0")
    receiver.until(lambda: receiver.module.radio.registered, 120)
    receiver.run(5)
    assert "wait" in receiver.at('AT+CMGL="ALL"')


def test_reports(pair: tuple[Any, Any], type_in: Type) -> None:
    """Stored (ds 2) and passed on (ds 1): arrived; expired after its validity."""
    sender, receiver = pair
    sender.at("AT+CMGF=1")
    sender.at("AT+CNMI=2,1,0,2")
    sender.at("AT+CSMP=49,0,0,0")
    type_in(sender, f'AT+CMGS="{number(receiver)}"', "x")
    sender.run(10)
    assert sender.lines() == ['+CDSI: "ME",1']
    line = sender.at("AT+CMGR=1")[0]
    assert line.startswith(f'+CMGR: "REC UNREAD",6,0,"{number(receiver)}",145,"')
    assert line.endswith(",0")
    sender.at("AT+CNMI=2,1,0,1")
    receiver.at("AT+COPS=2")
    type_in(sender, f'AT+CMGS="{number(receiver)}"', "too late")
    sender.run(400)  # TP-VP 0 is five minutes
    (line,) = sender.lines()
    assert line.startswith(f'+CDS: 6,1,"{number(receiver)}",145,"')
    assert line.endswith(",70")


def test_centre_that_refuses_or_is_silent(one: Any, type_in: Type, ctl: Ctl) -> None:
    one.at("AT+CMGF=1")
    ctl(one, "sms", refuse="38")
    assert type_in(one, f'AT+CMGS="{TO}"', "x") == ["+CMS ERROR: 38"]
    ctl(one, "sms", refuse="none")
    ctl(one, "sms", centre="silent")
    assert type_in(one, f'AT+CMGS="{TO}"', "x") == ["+CMS ERROR: 332"]
    ctl(one, "sms", centre="up")
    assert type_in(one, f'AT+CMGS="{TO}"', "x")[-1] == "OK"
    one.at("AT+COPS=2")
    assert type_in(one, f'AT+CMGS="{TO}"', "x") == ["+CMS ERROR: 331"]


# memory
def test_messages_survive_power_and_factory_restore(one: Any, type_in: Type) -> None:
    """LENA-R8 guide 6.2."""
    one.at("AT+CMGF=1")
    type_in(one, f'AT+CMGW="{TO}"', "kept")
    one.at("AT+UFACTORY=2,1")
    one.send(f"AT{one.module.profile.reboot_command.value}\r".encode())
    one.until(lambda: one.module.power.boots == 2 and one.module.power.running, 120)
    one.wake()
    one.until(lambda: one.module.sim.usable, 60)
    assert "kept" in stored(one)


def test_the_network_is_one_for_all(network: TelephoneNetwork, pair: tuple[Any, Any]) -> None:
    numbers = [one.module.subscriber.number for one in pair]
    assert len(set(numbers)) == 2
    assert [network.terminal(one) for one in numbers] == [one.module.subscriber for one in pair]
    for one, digits in zip(pair, numbers, strict=True):
        assert one.at("AT+CNUM")[0] == f'+CNUM: ,"+{digits}",145'


def test_an_update_wipes_messages_where_the_facts_say_so(one: Any, type_in: Type, series: Series) -> None:
    """LENA-R8 keeps them (guide Table 53); LARA-R6 as its sibling does not."""
    one.at("AT+CMGF=1")
    type_in(one, f'AT+CMGW="{TO}"', "old")
    one.module.updater._wipe(one.config.behaviour.update_wipes_foat)
    assert (one.at("AT+CPMS?")[0] == '+CPMS: "ME",1,255,"ME",1,255,"ME",1,255') is (series is Series.LENA_R8)
