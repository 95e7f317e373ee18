"""Access to the SIM: LENA-R8 guide 10.2; both series by 3GPP TS 27.007 8.17, 8.18, 8.43 to 8.46.

Tables 45 and 46 are sent as printed. Whatever a procedure writes into the card it puts back, or the module
writes it anew.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cellbench.api import (
    USIM_NAME,
    Apdu,
    Dut,
    DutState,
    FileId,
    FileStructure,
    Limit,
    NotPossible,
    Recorder,
    SimClient,
    card_codings,
    card_commands,
    decode_location,
    parse_fcp,
    procedure,
)

from .card import CARD_S, LOCATIONS, awake, radio_off, written

BOTH = ("LENA-R8", "LARA-R6")
_SEARCH = Limit(high=300.0, source="module facts 15")
_ERASE = (
    'AT+CRSM=214,28542,0,0,11,"FFFFFFFFFFFFFFFFFFFFFF"',
    'AT+CRSM=214,28531,0,0,14,"FFFFFFFFFFFFFFFFFFFFFFFFFFFF"',
    'AT+CRSM=214,28643,0,0,18,"FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"',
)


@procedure("R8:10.2.1", title="Table 45: the IMSI by +CRSM is the one of +CIMI", series=BOTH)
def test_imsi(dut: Dut) -> None:
    """AT+CRSM=176,28423,0,0,9: digits swapped in pairs behind a prefix."""
    awake(dut)
    sw1, sw2, data = dut.send("AT+CRSM=176,28423,0,0,9").value("+CRSM")
    assert (sw1, sw2) == (144, 0)
    assert card_codings.decode_imsi(bytes.fromhex(str(data))) == dut.send("AT+CIMI").text


@procedure("R8:10.2.1", title="Table 45: location erased, registration from scratch", series=BOTH,
           depends_on=("network",))
def test_clean_start(registered: Dut, record: Recorder) -> None:
    """EF_LOCI, EF_PSLOCI and EF_EPSLOCI hold FF; the module registers all the same and writes where it is."""
    sim = awake(registered)
    radio_off(registered, record)
    held = written(sim)
    try:
        for file, line in zip(LOCATIONS, _ERASE, strict=True):
            assert registered.send(line).value("+CRSM")[:2] == (144, 0)
            assert card_codings.is_empty(sim.read(file)), f"file {file:04X} is not erased"
        registered.send("AT+CFUN=1")
        record.measure("time to register", registered.register(), "s", _SEARCH)
        # a module may keep its place to itself until it leaves the network (3GPP TS 24.301 annex C)
        registered.at.wait_until(lambda: bool(written(sim)), 1.0)
        radio_off(registered, record)
        found = written(sim)
        assert found, "no location is written after the registration"
        for file, data in found.items():
            record.note(f"file {file:04X}: {decode_location(file, data)}")
        assert any(decode_location(file, data).plmn for file, data in found.items())
    finally:
        for file, data in held.items():
            if file not in written(sim):
                sim.write(file, data)
        registered.send("AT+CFUN=1")
        registered.register()


@procedure("R8:10.2.1", title="Table 45: emergency numbers, a file of records", series=BOTH)
def test_emergency_numbers(dut: Dut, record: Recorder) -> None:
    """AT+CRSM=178,28599,1,4,16, where the card's records are as long as the guide's."""
    sim = awake(dut)
    control = sim.control(FileId.ECC)
    assert control.structure is FileStructure.LINEAR
    line = f"AT+CRSM=178,28599,1,4,{control.record_size}"
    sw1, sw2, data = dut.send(line).value("+CRSM")
    assert (sw1, sw2) == (144, 0)
    assert len(str(data)) == 2 * control.record_size
    numbers = [card_codings.decode_emergency(one) for one in sim.records(FileId.ECC)]
    record.note(f"{line}: {numbers}")
    assert card_codings.decode_emergency(bytes.fromhex(str(data))) == numbers[0]


_REFUSALS = (
    (176, FileId.USIM - 1, 0, 0, 1, {0x6A82}, "a file that is not there"),
    (178, FileId.IMSI, 1, 4, 9, {0x6981}, "a record of a transparent file"),
    (176, FileId.ECC, 0, 0, 1, {0x6981}, "octets of a file of records"),
    (178, FileId.ECC, 254, 4, 0, {0x6A83}, "a record that is not there"),
    (176, FileId.IMSI, 0x7F, 0xFF, 1, {0x6B00}, "behind the end"),
)


@procedure("R8:10.2.1", title="Refusals of the card come through +CRSM", series=BOTH)
@pytest.mark.parametrize("case", _REFUSALS, ids=[case[6] for case in _REFUSALS])
def test_refusals(dut: Dut, record: Recorder, case: tuple[int, int, int, int, int, set[int], str]) -> None:
    """Status words of ETSI TS 102 221 10.2.1: the command was carried out, so the module answers OK."""
    ins, file, p1, p2, p3, words, what = case
    sim = awake(dut)
    length = sim.control(FileId.ECC).record_size if what == "a record that is not there" else p3
    status = sim.try_restricted(ins, file, p1, p2, length).status
    record.note(f"{what}: {status}")
    assert not status.ok
    assert status.word in words or status.kind.value != "unknown"


@procedure("R8:10.2.1", title="What the operator alone may write is refused", series=BOTH)
@pytest.mark.parametrize("file", [FileId.IMSI, FileId.ICCID], ids=["IMSI", "ICCID"])
def test_write_refused(dut: Dut, record: Recorder, file: FileId) -> None:
    """UPDATE BINARY with what the file holds already: a card that takes it is not changed either."""
    sim = awake(dut)
    path = "3F00" if file is FileId.ICCID else ""
    before = sim.read(file, path)
    status = sim.try_restricted(214, file, 0, 0, len(before), before, path).status
    record.note(str(status))
    assert not status.ok
    assert sim.read(file, path) == before


@procedure("R8:10.2.2", title="The same file by +CRSM and by +CSIM", series=BOTH)
def test_both_ways(dut: Dut) -> None:
    """Whole commands to the card: SELECT, STATUS, READ BINARY on a channel of one's own."""
    sim = awake(dut)
    with sim.channel() as own:
        own.run(card_commands.select_application(USIM_NAME))
        control = parse_fcp(own.run(card_commands.select(FileId.IMSI)))
        assert (control.file, control.size) == (FileId.IMSI, 9)
        assert own.run(card_commands.read_binary(9)) == sim.read(FileId.IMSI)
        assert parse_fcp(own.run(card_commands.status())).structure is FileStructure.DIRECTORY


@procedure("R8:10.2.2", title="Commands that no card knows, and lines that are no command", series=BOTH)
def test_generic_refusals(dut: Dut, record: Recorder) -> None:
    """A wrong instruction is the card's to refuse; a length that does not fit is the module's."""
    sim = awake(dut)
    with sim.channel() as own:
        for command in (Apdu(0x0F), Apdu(0xB0, 0x7F, 0xFF, le=1)):
            status = own.exchange(command).status
            record.note(f"{command.hex}: {status}")
            assert not status.ok
    for line in ('AT+CSIM=12,"00A40004023F00"', 'AT+CSIM=9,"00A400040"', 'AT+CSIM=10,"00A4000G00"'):
        assert not dut.send(line, check=False).ok, f"{line} was taken"
    assert sim.imsi()


@procedure("R8:10.2.3.1", title="The basic channel stays the module's", series=BOTH, depends_on=("network",))
def test_basic_channel(registered: Dut, record: Recorder) -> None:
    """The host may not close it; what it selects there does not keep the module from its work."""
    sim = awake(registered)
    status = sim.exchange(card_commands.close_channel(0)).status
    record.note(f"closing channel 0: {status}")
    assert not status.ok, "channel 0 was closed"
    iccid = sim.iccid()
    for _ in range(3):
        sim.transmit(card_commands.select(FileId.MF))
        chosen = sim.transmit(card_commands.select(FileId.ICCID)).status
        record.note(f"SELECT EF_ICCID on channel 0: {chosen}")
        assert sim.file_imsi() == sim.imsi()
        assert sim.iccid() == iccid
    assert registered.registration() in (1, 5)


@procedure("R8:10.2.3.2", title="Table 46: the ICCID by +CSIM on a channel of one's own")
def test_iccid_as_printed(dut: Dut, record: Recorder) -> None:
    """Each line as printed; the channel closes even when one fails."""
    awake(dut)
    assert dut.send('AT+CSIM=10,"0070000000"').value("+CSIM") == (4, "6C01")
    assert dut.send('AT+CSIM=10,"0070000001"').value("+CSIM") == (6, "019000")
    try:
        size, text = dut.send('AT+CSIM=14,"01A40004023F00"').value("+CSIM")
        assert size == len(str(text))
        assert parse_fcp(bytes.fromhex(str(text))[:-2]).file == FileId.MF
        size, text = dut.send('AT+CSIM=14,"01A40004022FE2"').value("+CSIM")
        control = parse_fcp(bytes.fromhex(str(text))[:-2])
        assert (control.file, control.size) == (FileId.ICCID, 10)
        size, text = dut.send('AT+CSIM=10,"01B00000FF"').value("+CSIM")
        assert size == 24, "ten octets of the file and the status word"
        assert str(text).endswith("9000")
        told = str(dut.send("AT+CCID").value("+CCID")[0])
        assert card_codings.swapped(bytes.fromhex(str(text))[:10]).rstrip("F") == told.rstrip("F")
    finally:
        closed = dut.send('AT+CSIM=10, "0070800100"').value("+CSIM")
        record.note(f"close: {closed}")
    assert closed[0] == 4
    assert str(closed[1]) == "9000"


@procedure("R8:10.2.3.2", title="LARA-R6 as its application note prints it: channel 1 is in use, 2 is given",
           series=("LARA-R6",))
def test_channel_of_lara(dut: Dut) -> None:
    """0070000000 gives 029000; 0270800200 closes it."""
    awake(dut)
    assert dut.send('AT+CSIM=10,"0070000000"').value("+CSIM") == (6, "029000")
    closed = dut.send('AT+CSIM=10,"0270800200"').value("+CSIM")
    assert (closed[0], str(closed[1])) == (4, "9000")


@procedure("R8:10.2.3", "R8:10.2.3.2", title="Each channel has its own place; all are closed for reuse",
           series=BOTH)
def test_channels(dut: Dut, record: Recorder) -> None:
    """Up to three, numbered by the card; what has been closed is given again."""
    sim = awake(dut)
    first = _all_channels(sim, record)
    assert 1 <= len(first) <= 3
    assert _all_channels(sim, record) == first, "closed channels are not given again"
    with sim.channel() as one:
        one.run(card_commands.select(FileId.MF))
        one.run(card_commands.select(FileId.ICCID))
        assert card_codings.decode_iccid(one.run(card_commands.read_binary(10))) == sim.iccid()
    status = sim.exchange(card_commands.status().on(one.number)).status
    assert not status.ok, "a closed channel still answers"


def _all_channels(sim: SimClient, record: Recorder) -> list[int]:
    """Open them until the card has none left; their numbers."""
    opened: list[int] = []
    try:
        for _ in range(4):
            answer = sim.transmit(card_commands.open_channel())
            if not answer.ok:
                record.note(f"after {opened}: {answer.status}")
                break
            opened.append(answer.data[0])
    finally:
        for number in reversed(opened):
            sim.exchange(card_commands.close_channel(number))
    return opened


@procedure("R8:10.2.3.2", title="A session by +CCHO, +CGLA and +CCHC", series=BOTH)
def test_session(dut: Dut, record: Recorder) -> None:
    """The USIM by its name; two at a time where the card takes them; a closed one answers no more."""
    sim = awake(dut)
    with sim.application(USIM_NAME) as usim:
        usim.run(card_commands.select(FileId.IMSI))
        assert usim.run(card_commands.read_binary(9)) == sim.read(FileId.IMSI)
        number = usim.number
    closed = dut.send(f'AT+CGLA={number},10,"80F2000C00"', check=False)
    record.note(f"+CGLA in a closed session: {closed.final.text}")
    assert not closed.ok
    assert not dut.send('AT+CCHO="A0000000870000"', check=False).ok, "an application that is not there"


@procedure("R8:10.2.3.2", title="A file of the card is written and put back", series=BOTH)
def test_write_and_put_back(dut: Dut) -> None:
    """EF_FPLMN, which the module itself writes; its content afterwards is as before."""
    sim = awake(dut)
    before = sim.read(FileId.FPLMN)
    listed = card_codings.decode_plmns(before)
    places = len(before) // 3
    if len(listed) == places:
        raise NotPossible("every place of EF_FPLMN is taken", remedy="clear it: the networks are tried again")
    try:
        # the test network of 3GPP TS 34.108: no operator has it
        sim.write(FileId.FPLMN, card_codings.encode_plmns((*listed, "00101"), places))
        assert "00101" in card_codings.decode_plmns(sim.read(FileId.FPLMN))
    finally:
        sim.write(FileId.FPLMN, before)
    assert sim.read(FileId.FPLMN) == before


@procedure("R8:10.2", title="The module begins to talk with the card at each boot by itself", series=BOTH)
def test_after_reboot(dut: Dut, dut_at: Callable[[DutState], Dut], record: Recorder) -> None:
    """Busy for seconds at most; identities as before."""
    sim = awake(dut)
    before = sim.imsi(), sim.iccid()
    dut.reboot()
    record.note(f"after the reboot: {sim.awake(CARD_S).value}")
    sim = awake(dut_at(DutState.READY))
    assert (sim.imsi(), sim.iccid()) == before
