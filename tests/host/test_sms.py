"""Short messages as Python calls, on a virtual module of each series and against answers of other kinds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.base.errors import FrameworkError, NetworkError, UnitError
from cellbench.host.channel import Channel
from cellbench.host.clients.sms import SmsClient
from cellbench.host.clients.sms_model import (
    SmsAlphabet,
    SmsNetworkError,
    SmsRefused,
    SmsStatus,
    alphabet_of,
    check_length,
    is_plain,
)
from cellbench.host.errors import CmsError
from cellbench.host.urclog import UrcTimeout

from .rack import Module

TO = "+390402529400"
WAIT_S = 20.0


def sent(module: Module) -> dict[str, str]:
    """What the network took last of this module."""
    told = module.ctl("report", "what=telephone")
    return dict(line.split("=", 1) for line in told.splitlines())


def cleared(module: Module) -> None:
    module.channel.send("AT+CMGD=1,4")


@pytest.mark.parametrize(("text", "alphabet"), [("plain {1} text", "gsm"), ("Ωψ猫 \U0001F600", "ucs2")])
def test_send(module: Module, text: str, alphabet: str) -> None:
    with SmsClient(module.channel) as sms:
        reference = sms.send(TO, text)
    found = sent(module)
    assert found["to"] == TO
    assert found["alphabet"] == alphabet
    assert bytes.fromhex(found["text_hex"]).decode() == text
    assert 0 <= reference <= 255


def test_settings_are_put_back(module: Module) -> None:
    names = ("+CMGF", "+CSCS", "+CSDH", "+CSMP")
    before = [module.channel.send(f"AT{name}?").text for name in names]
    with SmsClient(module.channel) as sms:
        sms.send(TO, "x", report=True)
        assert module.channel.send("AT+CMGF?").text == "+CMGF: 1"
    assert [module.channel.send(f"AT{name}?").text for name in names] == before


@pytest.mark.parametrize("text", ["OK", "+CMTI: \"ME\",9", "ERROR\r\nOK", "RING", "> ", '"', "猫"])
def test_received_text_is_never_taken_for_something_else(module: Module, text: str) -> None:
    cleared(module)
    with SmsClient(module.channel) as sms, sms.arrival() as arrival:
        module.ctl("sms", f"text={text}", "from=+49170")
        found = arrival.wait(WAIT_S)
        assert (found.text, found.party, found.status) == (text, "+49170", SmsStatus.UNREAD)
        assert found.centre.startswith("+39")
        sms.delete(found.index)


def test_data_and_parts_are_octets(module: Module) -> None:
    cleared(module)
    with SmsClient(module.channel) as sms, sms.arrival() as arrival:
        module.ctl("sms", "hex=00FF10")
        found = arrival.wait(WAIT_S)
        assert (found.text, found.data, found.alphabet) == (None, b"\x00\xff\x10", SmsAlphabet.DATA)
        module.ctl("sms", "text=" + "long " * 40)
        parts = [arrival.wait(WAIT_S) for _ in range(2)]
        assert [part.data[:3] for part in parts] == [b"\x05\x00\x03"] * 2
        assert all(part.text is None for part in parts)
        sms.clear()
        assert sms.listed() == {}


def test_a_message_for_the_card(module: Module) -> None:
    """+CMTI names another store than the one for reading: it is read there, and the choice put back."""
    with SmsClient(module.channel) as sms, sms.arrival() as arrival:
        before = [store.name for store in sms.stores()]
        module.ctl("sms", "text=card", "class=2")
        found = arrival.wait(WAIT_S)
        assert found.text == "card"
        assert [store.name for store in sms.stores()] == before
        sms.use("SM")
        sms.delete(found.index)
        sms.use(*before)


def test_store_send_stored_and_pdus(module: Module) -> None:
    cleared(module)
    with SmsClient(module.channel) as sms:
        index = sms.store(TO, "kept")
        assert sms.listed(SmsStatus.UNSENT) == {index: SmsStatus.UNSENT}
        pdu = sms.read_pdu(index)
        sms.send_stored(index, "+4917099")
        assert sent(module)["to"] == "+4917099"
        assert sms.read(index).status is SmsStatus.SENT
        sms.send_pdu(pdu, len(pdu) - 1 - pdu[0])
        assert sent(module)["to"] == TO
        assert module.channel.send("AT+CMGF?").text == "+CMGF: 1"
        with pytest.raises(SmsRefused) as refused:
            sms.send_pdu(pdu, 3)
        assert refused.value.number == 304
        sms.delete(index)
        with pytest.raises(CmsError):
            sms.read(index)


def test_whose_failure_it_is(module: Module) -> None:
    with SmsClient(module.channel) as sms:
        module.ctl("sms", "refuse=38")
        try:
            with pytest.raises(SmsNetworkError) as refused:
                sms.send(TO, "x")
        finally:
            module.ctl("sms", "refuse=none")
        assert refused.value.number == 38
        assert isinstance(refused.value, NetworkError)
        with pytest.raises(SmsRefused) as wrong:
            sms.send("Bob", "x")
        assert isinstance(wrong.value, UnitError)
        with sms.arrival() as arrival, pytest.raises(UrcTimeout):
            arrival.wait(0.1)


@pytest.mark.parametrize("text", ["", "x" * 161, "{" * 81, "猫" * 71])
def test_texts_that_do_not_fit(text: str) -> None:
    with pytest.raises(FrameworkError, match="one message takes"):
        check_length(text)


@given(st.text(min_size=1, max_size=70))
def test_every_short_text_fits_somewhere(text: str) -> None:
    if is_plain(text) or len(text.encode("utf-16-be", "surrogatepass")) <= 140:
        if any(0xD800 <= ord(char) < 0xE000 for char in text):
            return
        if is_plain(text) or len(text) <= 35:
            check_length(text)


@pytest.mark.parametrize(("dcs", "alphabet"), [
    (0, SmsAlphabet.GSM), (4, SmsAlphabet.DATA), (8, SmsAlphabet.UCS2), (0x19, SmsAlphabet.UCS2),
    (0xF5, SmsAlphabet.DATA), (0xF0, SmsAlphabet.GSM), (0xE8, SmsAlphabet.UCS2), (0xC8, SmsAlphabet.GSM)])
def test_alphabets(dcs: int, alphabet: SmsAlphabet) -> None:
    """3GPP TS 23.038 4."""
    assert alphabet_of(dcs) is alphabet


def answering(channel: Channel, peer: object, line: str, answer: bytes) -> SmsClient:
    peer.on(line, answer)  # type: ignore[attr-defined]
    return SmsClient(channel)


@pytest.mark.parametrize(("answer", "error"), [
    (b'\r\n+CMGR: "REC READ","+39",,"t",145,4,0,0,"+39",145,2\r\nxyz\r\n\r\nOK\r\n', "hexadecimal"),
    (b"\r\nOK\r\n", "no \\+CMGR line"),
    (b'\r\n+CMGR: "REC READ","+39",,"t"\r\n0041\r\n\r\nOK\r\n', "a number is due")])
def test_answers_that_are_none(channel: Channel, peer: object, answer: bytes, error: str) -> None:
    with pytest.raises(UnitError, match=error):
        answering(channel, peer, "AT+CMGR=1", answer).read(1)


def test_a_card_that_is_busy_is_waited_for(channel: Channel, peer: object) -> None:
    """Facts sheet 14.4: the first seconds."""
    for name, value in (("+CMGF", "0"), ("+CSCS", '"IRA"'), ("+CSDH", "0")):
        peer.on(f"AT{name}?", f"\r\n{name}: {value}\r\n\r\nOK\r\n".encode())  # type: ignore[attr-defined]
    for line in ("AT+CMGF=1", "AT+CSDH=1", 'AT+CSCS="UCS2"', "AT+CMGF=0", "AT+CSDH=0", 'AT+CSCS="IRA"'):
        peer.on(line, b"\r\nOK\r\n")  # type: ignore[attr-defined]
    answers = iter([b"\r\n+CMS ERROR: 314\r\n"] * 2 + [b"\r\n+CPMS: \"ME\",0,9\r\n\r\nOK\r\n"])
    peer.on("AT+CPMS?", lambda one, line: one.say(next(answers)))  # type: ignore[attr-defined]
    with SmsClient(channel):
        assert next(answers, None) is None
