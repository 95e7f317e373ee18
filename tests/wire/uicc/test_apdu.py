"""Commands byte for byte: those of the LENA-R8 guide's Table 46, and by ETSI TS 102 221 11.1 and 3GPP
TS 31.102."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.wire.uicc import apdu
from cellbench.wire.uicc.apdu import Apdu, Ins, Key, RecordMode
from cellbench.wire.uicc.errors import UnsendableApdu

CODES = (
    (apdu.open_channel(), "0070000001"),  # Table 46
    (apdu.select(0x3F00).on(1), "01A40004023F00"),
    (apdu.select(0x2FE2).on(1), "01A40004022FE2"),
    (apdu.read_binary(255).on(1), "01B00000FF"),
    (apdu.close_channel(1), "0070800100"),
    (apdu.select_path(0x7FFF, 0x6F07), "00A40804047FFF6F07"),
    (apdu.select_application(bytes.fromhex("A0000000871002")), "00A4040407A0000000871002"),
    (apdu.select(0x6F07, fcp=False), "00A4000C026F07"),
    (apdu.status(), "80F2000000"),
    (apdu.status(None).on(2), "82F2000C00"),
    (apdu.read_binary(9, 0x123), "00B0012309"),
    (apdu.read_binary(256, sfi=7), "00B0870000"),
    (apdu.update_binary(b"\xff\xff", 2), "00D6000202FFFF"),
    (apdu.read_record(1, 16), "00B2010410"),
    (apdu.read_record(0, 16, RecordMode.NEXT, sfi=1), "00B2000A10"),
    (apdu.update_record(3, b"\x01"), "00DC030401" + "01"),
    (apdu.search_record(b"\x91", sfi=2), "00A2011401" + "91"),
    (apdu.get_response(5), "00C0000005"),
    (apdu.verify(Key.PIN1, "1234"), "002000010831323334FFFFFFFF"),
    (apdu.ask_tries(Key.PIN2), "0020008100"),
    (apdu.change_pin(Key.PIN1, "1234", "12345678"), "002400011031323334FFFFFFFF3132333435363738"),
    (apdu.disable_pin(Key.PIN1, "1234"), "002600010831323334FFFFFFFF"),
    (apdu.enable_pin(Key.PIN1, "1234"), "002800010831323334FFFFFFFF"),
    (apdu.unblock_pin(Key.PIN1, "12345678", "1234"), "002C0001103132333435363738" + "31323334FFFFFFFF"),
    (apdu.authenticate(bytes(16), b"\xff" * 16), "0088008122" + "10" + "00" * 16 + "10" + "FF" * 16),
    (Apdu(Ins.GET_CHALLENGE, le=8, channel=4), "4084000008"),
    (Apdu(Ins.STATUS, le=1, channel=19), "CFF2000001"),
)


@pytest.mark.parametrize(("command", "code"), CODES, ids=[code[:14] for _, code in CODES])
def test_codes(command: Apdu, code: str) -> None:
    assert command.hex == code


def test_what_is_secret() -> None:
    assert apdu.verify(1, "1234").secret == "31323334FFFFFFFF"
    assert apdu.change_pin(1, "1234", "9999").secret == "31323334FFFFFFFF39393939FFFFFFFF"
    assert apdu.unblock_pin(1, "12345678", "9999").secret == "313233343536373839393939FFFFFFFF"
    assert apdu.select(0x3F00).secret == apdu.ask_tries(1).secret == ""


@pytest.mark.parametrize("pin", ["", "123", "123456789", "12a4", "12 4", "１２３４"])
def test_what_is_no_pin(pin: str) -> None:
    with pytest.raises(UnsendableApdu, match="4 to 8 digits") as refused:
        apdu.pin_octets(pin)
    assert not pin or pin not in str(refused.value), "a PIN, right or wrong, is in no message"


WRONG = (
    lambda: Apdu(256), lambda: Apdu(0, -1), lambda: Apdu(0, data=bytes(256)), lambda: Apdu(0, le=0),
    lambda: Apdu(0, le=257), lambda: Apdu(0, channel=20), lambda: apdu.select(0x10000), apdu.select_path,
    lambda: apdu.select_application(b"1234"), lambda: apdu.select_application(bytes(17)),
    lambda: apdu.read_binary(1, 0x8000), lambda: apdu.read_binary(1, 256, sfi=1),
    lambda: apdu.read_binary(1, sfi=31), lambda: apdu.read_record(1, 1, sfi=-1),
    lambda: apdu.close_channel(20), lambda: apdu.authenticate(bytes(15), bytes(16)),
)


@pytest.mark.parametrize("make", WRONG)
def test_what_no_command_can_say(make: object) -> None:
    with pytest.raises(UnsendableApdu):
        make()  # type: ignore[operator]


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), st.binary(max_size=255),
       st.integers(0, 19))
def test_any_command(ins: int, p1: int, p2: int, data: bytes, channel: int) -> None:
    octets = Apdu(ins, p1, p2, data, channel=channel).octets
    assert len(octets) == 5 + len(data)
    assert octets[1:5] == bytes((ins, p1, p2, len(data)))
    assert octets[5:] == data
    assert (octets[0] & 0x03 if channel < 4 else 4 + (octets[0] & 0x0F)) == channel
    assert bool(octets[0] & 0x40) == (channel >= 4)


def test_again_with_the_right_length() -> None:
    assert Apdu(Ins.MANAGE_CHANNEL).hex == "0070000000"
    assert Apdu(Ins.MANAGE_CHANNEL).expecting(1).hex == "0070000001"
    assert apdu.read_binary(9).expecting(0).le == 256
