"""The SIM as Python calls: against a virtual module of each series, and against answers of other kinds."""

from __future__ import annotations

import pytest

from cellbench.base.errors import NotApplicable
from cellbench.host.channel import Channel
from cellbench.host.clients.sim import SimClient
from cellbench.host.clients.sim_model import PinAtRisk, SimRefused, SimState
from cellbench.host.errors import AtError, CmeError
from cellbench.wire.uicc import apdu
from cellbench.wire.uicc.apdu import Apdu, Key
from cellbench.wire.uicc.codec import decode_iccid, is_empty
from cellbench.wire.uicc.errors import MalformedAnswer
from cellbench.wire.uicc.fcp import Structure, parse_fcp
from cellbench.wire.uicc.files import USIM, FileId, decode_location

from .rack import Module, wait_registered

PIN, NEW, WRONG = "1234", "482193", "7777"


def _report(module: Module) -> dict[str, str]:
    return dict(line.split("=", 1) for line in module.ctl("report", "what=sim").splitlines())


def test_identities_and_files(module: Module) -> None:
    sim = SimClient(module.channel)
    seen = _report(module)
    assert sim.state() is SimState.READY
    assert sim.imsi() == sim.file_imsi() == seen["imsi"]
    assert sim.iccid() == decode_iccid(sim.read(FileId.ICCID)) == seen["iccid"].rstrip("F")
    control = sim.control(FileId.ECC)
    assert control.structure is Structure.LINEAR
    records = sim.records(FileId.ECC)
    assert len(records) == control.records
    assert records[0] == sim.read_record(FileId.ECC, 1)
    with pytest.raises(SimRefused, match="linear"):
        sim.read(FileId.ECC)
    with pytest.raises(SimRefused, match="6A82"):
        sim.read(0x6FFF)


def test_registration_from_scratch(module: Module) -> None:
    sim = SimClient(module.channel)
    held = sim.forget_location()
    assert set(held) == {FileId.LOCI, FileId.PSLOCI, FileId.EPSLOCI}
    try:
        assert all(is_empty(sim.read(file)) for file in held)
        module.channel.send("AT+CFUN=0")
        module.channel.send("AT+CFUN=1")
        assert wait_registered(module.channel)
        assert sim.imsi().startswith(decode_location(FileId.EPSLOCI, sim.read(FileId.EPSLOCI)).plmn[:3])
    finally:
        for file, before in held.items():
            sim.write(file, before)
        module.channel.send("AT+CGACT=1,1")


def test_channels(module: Module) -> None:
    sim = SimClient(module.channel)
    open_before = _report(module)
    with sim.channel() as one, sim.channel() as other:
        assert one.number != other.number
        assert parse_fcp(one.run(apdu.select(FileId.MF))).file == FileId.MF
        one.run(apdu.select(FileId.ICCID))
        assert decode_iccid(one.run(apdu.read_binary(10))) == sim.iccid()
        assert other.exchange(apdu.read_binary(10)).status.word == 0x6986, "each channel has its own place"
        with pytest.raises(SimRefused, match="6A82"):
            one.run(apdu.select(0x1234))
    assert _report(module) == open_before
    with sim.application(USIM) as usim:
        usim.run(apdu.select(FileId.IMSI))
        assert usim.run(apdu.read_binary(9)) == sim.read(FileId.IMSI)


def test_pins_are_put_back_and_never_told(module: Module) -> None:
    module.ctl("sim", "card=locked")
    sim = SimClient(module.channel)
    try:
        assert sim.await_state(SimState.PIN, 20.0)
        assert sim.tries().pin == 3
        with pytest.raises(PinAtRisk, match="must have been taken"):
            sim.spoil(WRONG)
        sim.enter(PIN)
        assert sim.await_state(SimState.READY, 20.0)
        assert sim.locked()
        with pytest.raises(CmeError):
            sim.spoil(WRONG)
        assert sim.tries().pin == 2
        with pytest.raises(PinAtRisk, match="2 tries"):
            SimClient(module.channel).lock(False, WRONG)
        sim.change(PIN, NEW)
        assert sim.tries().pin == 3
        sim.change(NEW, PIN)
        sim.lock(False, PIN)
        assert not sim.locked()
        assert sim.exchange(apdu.verify(Key.PIN2, NEW)).status.tries == 2
        said = b"".join(record.data for record in module.transcript.records())
        for one in (PIN, NEW, WRONG):
            assert apdu.pin_octets(one).hex().upper().encode() not in said
            assert f'"{one}"'.encode() not in said
    finally:
        module.ctl("sim", "card=world")
        assert wait_registered(module.channel)


def test_no_card(module: Module) -> None:
    sim = SimClient(module.channel)
    module.ctl("sim", "state=out")
    try:
        assert sim.await_state(SimState.ABSENT, 20.0)
        with pytest.raises(AtError):
            sim.read(FileId.IMSI)
    finally:
        module.ctl("sim", "state=in")
        assert sim.await_state(SimState.READY, 20.0)
        assert wait_registered(module.channel)


def _answers(peer: object, line: str, text: str) -> None:
    peer.on(line, f"\r\n{text}\r\n\r\nOK\r\n".encode())  # type: ignore[attr-defined]


def test_forms_of_an_answer(channel: Channel, peer: object) -> None:
    """As the LENA-R8 guide prints them (Table 46): without quotes, with a blank."""
    sim = SimClient(channel)
    _answers(peer, 'AT+CSIM=10,"0070000000"', "+CSIM: 4,6C01")
    assert sim.exchange(Apdu(0x70)).status.meaning == "wrong length, 1 is exact"
    _answers(peer, 'AT+CSIM=10,"0070800100"', '+CSIM: 4, "9000"')
    assert sim.exchange(apdu.close_channel(1)).ok
    _answers(peer, 'AT+CSIM=10,"80F2000C00"', "+CSIM: 4,9000")
    assert sim.exchange(apdu.status(None)).ok
    _answers(peer, 'AT+CSIM=10,"0070000001"', '+CSIM: 6,"019000"')
    assert sim.transmit(Apdu(0x70)).data == b"\x01", "6CXX is followed"


def test_more_waits(channel: Channel, peer: object) -> None:
    """TS 102 221 7.3.1.1.4: 61XX, then GET RESPONSE on the same channel."""
    sim = SimClient(channel)
    _answers(peer, 'AT+CSIM=14,"02A40004023F00"', '+CSIM: 4,"6103"')
    _answers(peer, 'AT+CSIM=10,"02C0000003"', '+CSIM: 10,"6201809000"')
    assert sim.transmit(apdu.select(FileId.MF).on(2)).data == bytes.fromhex("620180")


@pytest.mark.parametrize("told", ['6,"9000"', '3,"900"', '4,"90GG"', '4', '"a",4', '4,"0000"'])
def test_answers_that_are_none(channel: Channel, peer: object, told: str) -> None:
    _answers(peer, 'AT+CSIM=10,"80F2000C00"', f"+CSIM: {told}")
    with pytest.raises(MalformedAnswer):
        SimClient(channel).exchange(apdu.status(None))


@pytest.mark.parametrize("told", ["144", '"a",0', "300,0", '144,0,"0"'])
def test_restricted_answers_that_are_none(channel: Channel, peer: object, told: str) -> None:
    _answers(peer, "AT+CRSM=176,28423,0,0,9", f"+CRSM: {told}")
    with pytest.raises(MalformedAnswer):
        SimClient(channel).try_restricted(176, FileId.IMSI, 0, 0, 9)


def test_a_counter_that_nobody_tells(channel: Channel, peer: object) -> None:
    """Without it no PIN is sent at all."""
    with pytest.raises(PinAtRisk, match="nobody tells"):
        SimClient(channel).enter(PIN)
    assert not any(b"CPIN=" in line for _, line in peer.received)  # type: ignore[attr-defined]


def test_a_module_without_sessions(channel: Channel) -> None:
    with pytest.raises(NotApplicable), SimClient(channel).application(USIM):
        raise AssertionError("it has none")


def test_states(channel: Channel, peer: object) -> None:
    sim = SimClient(channel)
    states = {10: SimState.ABSENT, 13: SimState.FAILED, 14: SimState.BUSY, 3: SimState.OTHER}
    for number, state in states.items():
        peer.on("AT+CPIN?", f"\r\n+CME ERROR: {number}\r\n".encode())  # type: ignore[attr-defined]
        assert sim.state() is state
    for code, state in (("SIM PUK", SimState.PUK), ("PH-NET PIN", SimState.OTHER)):
        _answers(peer, "AT+CPIN?", f"+CPIN: {code}")
        assert sim.state() is state
