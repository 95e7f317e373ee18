"""Short messages: LENA-R8 guide 6.2, 7.3 and 8.1.1; both series by 3GPP TS 27.005.

Messages that were in the module stay, and count as read afterwards; what a procedure stores or receives it
deletes again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from cellbench.api import (
    AtError,
    Dut,
    DutState,
    FarSide,
    Network,
    Recorder,
    SmsAlphabet,
    SmsClient,
    SmsMessage,
    SmsNetworkError,
    SmsRefused,
    SmsStatus,
    procedure,
)

from .telephone import MESSAGE_S

BOTH = ("LENA-R8", "LARA-R6")
SENT = ("far-side:sms",)
NETWORK = ("network",)
TO = "+390402529400"  # a number that nothing is sent to
QUIET_S = 0.5
DutAt = Callable[[DutState], Dut]


def _word() -> str:
    """A text that no other message has."""
    return f"cellbench {secrets.token_hex(4)}"


@contextmanager
def _kept(sms: SmsClient) -> Iterator[None]:
    """What is stored in the block is deleted after it."""
    before = set(sms.listed())
    try:
        yield
    finally:
        for index in set(sms.listed()) - before:
            sms.delete(index)


@contextmanager
def _of(dut: Dut) -> Iterator[SmsClient]:
    with dut.sms() as sms, _kept(sms):
        yield sms


def _come(dut: Dut, sms: SmsClient, far_side: FarSide, text: str) -> SmsMessage:
    """The far side sends a text and the module tells of it."""
    with sms.arrival() as arrival:
        far_side.act("sms", text=text)
        return arrival.wait(MESSAGE_S)


@procedure("R8:6.2", title="AT+UFACTORY=2,1 does not delete messages", series=BOTH, needs=("expendable",))
def test_factory_restore_keeps_messages(dut: Dut, network: Network) -> None:
    """A message in the store is there after the reboot that restores, and reads the same."""
    text = _word()
    with dut.sms() as sms:
        index = sms.store(TO, text)
    try:
        dut.send("AT+UFACTORY=2,1")
        dut.reboot()
        with dut.sms() as sms:
            found = sms.read(index)
        assert (found.party, found.text, found.status) == (TO, text, SmsStatus.UNSENT)
    finally:
        with dut.sms() as sms:
            if index in sms.listed():
                sms.delete(index)
        if network.apn:
            dut.ensure(f'AT+CGDCONT=1,"IP","{network.apn}"')


@procedure(title="Messages stay over a power cycle", series=BOTH, needs=("cut-power",))
def test_power_cycle_keeps_messages(dut_at: DutAt) -> None:
    """3GPP TS 27.005 3.5.3: what is stored is stored."""
    text = _word()
    with dut_at(DutState.READY).sms() as sms:
        index = sms.store(TO, text)
    dut_at(DutState.OFF)
    with dut_at(DutState.READY).sms() as sms:
        try:
            assert sms.read(index).text == text
        finally:
            sms.delete(index)


@procedure(title="Store, list, read and delete", series=BOTH)
def test_store(dut: Dut, record: Recorder) -> None:
    """The count of +CPMS follows; an index that holds nothing is refused with +CMS ERROR 321."""
    with _of(dut) as sms:
        store = sms.stores()[1]
        record.note(f"{store.name}: {store.used} of {store.places} places used")
        text = _word()
        index = sms.store(TO, text)
        assert sms.stores()[1].used == store.used + 1
        assert sms.listed()[index] is SmsStatus.UNSENT
        found = sms.read(index)
        assert (found.party, found.text, found.alphabet) == (TO, text, SmsAlphabet.GSM)
        sms.delete(index)
        assert index not in sms.listed()
        assert sms.stores()[1].used == store.used
        with pytest.raises(AtError) as refused:
            sms.read(index)
        assert getattr(refused.value, "number", None) == 321


@procedure(title="The store on the card: SM", series=BOTH)
def test_card_store(dut: Dut, record: Recorder) -> None:
    """A message goes to the card and is read from there; the choice of stores is put back."""
    with dut.sms() as sms:
        before = [store.name for store in sms.stores()]
        sms.use("SM", "SM", before[2])
        try:
            with _kept(sms):
                store = sms.stores()[1]
                record.note(f"the card has {store.places} places, {store.used} used")
                text = _word()
                assert sms.read(sms.store(TO, text)).text == text
                assert sms.stores()[1].used == store.used + 1
        finally:
            sms.use(*before)


@procedure(title="ESC at the prompt sends and stores nothing", series=BOTH)
def test_escape(dut: Dut, record: Recorder) -> None:
    """3GPP TS 27.005 3.5.1, 3.5.3; no reference and no index is given."""
    with _of(dut) as sms:
        before = sms.listed()
        for command in ("+CMGW", "+CMGS"):
            answer = dut.send(f'AT{command}="{TO}"', payload=b"0041\x1b", check=False)
            record.note(f"AT{command} and ESC: {answer.final.text}")
            assert answer.fields(command) == ()
        assert sms.listed() == before


@procedure(title="A message that is not registered for is not sent", series=BOTH)
def test_without_network(registered: Dut, record: Recorder) -> None:
    """A +CMS ERROR and no reference."""
    registered.spend_attach("COPS=2")
    registered.send("AT+COPS=2")
    try:
        with registered.sms() as sms, pytest.raises((SmsNetworkError, SmsRefused)) as refused:
            sms.send(TO, _word())
        record.note(f"+CMS ERROR {refused.value.number}; 3GPP TS 27.005 has 331, no network service")
    finally:
        registered.send("AT+COPS=0")
    registered.register()


# coming in
@procedure("R8:8.1.1", title="A message comes in: +CMTI names store and index", series=BOTH,
           depends_on=NETWORK, needs=SENT)
def test_incoming(registered: Dut, far_side: FarSide, record: Recorder) -> None:
    """AT+CNMI=2,1; the text is as it was sent, unread before and read after."""
    with _of(registered) as sms:
        text = _word()
        found = _come(registered, sms, far_side, text)
        record.note(f"from {found.party} at {found.at}, centre {found.centre}")
        assert found.text == text
        assert found.status is SmsStatus.UNREAD
        assert found.party
        assert sms.read(found.index).status is SmsStatus.READ


@procedure("R8:8.1.1", title="+CMTI waits while the port is busy", series=BOTH, depends_on=NETWORK,
           needs=SENT)
def test_told_later(registered: Dut, far_side: FarSide) -> None:
    """With <mode> 2 the URC is kept until the prompt of a command is over."""
    with _of(registered) as sms, sms.arrival() as arrival:
        def busy(prompt: str) -> bytes:
            del prompt
            far_side.act("sms", text=_word())
            assert not registered.at.wait_until(lambda: arrival.came, QUIET_S), "+CMTI inside a prompt"
            return b"\x1b"

        registered.at.send(f'AT+CMGW="{TO}"', ask=busy, check=False)
        assert arrival.wait(MESSAGE_S).status is SmsStatus.UNREAD


@procedure("R8:7.3", title="Messages come in 2G, too", series=BOTH, depends_on=NETWORK,
           needs=("far-side:sms", "far-side:network"))
def test_in_2g(registered: Dut, far_side: FarSide) -> None:
    """The network chooses circuit or packet switched transport."""
    far_side.act("network", rat="2g")
    try:
        registered.register()
        with _of(registered) as sms:
            text = _word()
            assert _come(registered, sms, far_side, text).text == text
    finally:
        far_side.act("network", rat="lte")
        registered.register()


# between two slots
@procedure("R8:7.3", title="Messages from this module to another one", series=BOTH, slots=2,
           depends_on=NETWORK)
def test_between_two(dut_at: DutAt, peer_at: DutAt, own_number: str, peer_number: str, record: Recorder
                     ) -> None:
    """They arrive as they were sent, from this module's number: in both alphabets, from the store, as the PDU
    that the module made of a text; with a report that names its reference."""
    sender, receiver = dut_at(DutState.REGISTERED), peer_at(DutState.REGISTERED)
    with _of(sender) as mine, _of(receiver) as theirs, theirs.arrival() as arrival:
        for text in (f"plain: {_word()} ^[]{{}}~\\|", f"UCS2: {_word()} Ωψ猫"):
            with record.step(text[:5]):
                mine.send(peer_number, text)
                found = arrival.wait(MESSAGE_S)
                assert found.text == text
                assert found.party.lstrip("+")[-9:] == own_number.lstrip("+")[-9:]
        text = _word()
        index = mine.store(peer_number, text)
        with record.step("a stored message"):
            mine.send_stored(index)
            assert mine.listed()[index] is SmsStatus.SENT
            assert arrival.wait(MESSAGE_S).text == text
        with record.step("a PDU"):
            pdu = mine.read_pdu(index)
            mine.send_pdu(pdu, len(pdu) - 1 - pdu[0])
            assert arrival.wait(MESSAGE_S).text == text
        with record.step("a report"):
            _reported(sender, mine, peer_number)
            arrival.wait(MESSAGE_S)


def _reported(sender: Dut, mine: SmsClient, number: str) -> None:
    """A message with a request; +CDSI names the report of its arrival."""
    before = sender.send("AT+CNMI?").value("+CNMI")
    sender.send("AT+CNMI=2,1,0,2")
    try:
        with sender.at.expect("+CDSI") as told:
            reference = mine.send(number, _word(), report=True)
            place = told.wait(MESSAGE_S).fields[1]
        assert isinstance(place, int)
        report = mine.read_report(place)
        assert (report.reference, report.arrived) == (reference, True)
    finally:
        # LENA-R8 reads two numbers and keeps four: what it does not tell is put back as at delivery
        sender.send("AT+CNMI=" + ",".join(str(one) for one in (*before, 0, 0, 0, 0)[:4]))
