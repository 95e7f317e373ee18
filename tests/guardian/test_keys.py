"""Equipment has one key, however two rig files write where it is."""

from __future__ import annotations

import pytest

from cellbench.guardian.keys import canonical, equipment_key
from cellbench.instruments.kinds import find_kind


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("TCPIP0::localhost::5025::SOCKET", "tcpip::127.0.0.1::5025::SOCKET"),
        ("TCPIP1::127.0.0.1::5025::SOCKET", "TCPIP::127.0.0.1::5025::SOCKET"),
        ("rfc2217://LOCALHOST:4000", "rfc2217://127.0.0.1:4000/"),
        ("socket://[::1]:5", "socket://[0:0:0:0:0:0:0:1]:5"),
    ],
)
def test_two_ways_to_write_one_address(one, other):
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("TCPIP::127.0.0.1::5025::SOCKET", "TCPIP::127.0.0.1::5026::SOCKET"),
        ("TCPIP::127.0.0.1::5025::SOCKET", "TCPIP::127.0.0.2::5025::SOCKET"),
        ("USB0::0x2A8D::0x1102::MY1::INSTR", "USB0::0x2A8D::0x1102::MY2::INSTR"),
        ("rfc2217://127.0.0.1:4000", "socket://127.0.0.1:4000"),
        ("TCPIP::no.such.name.invalid::1::SOCKET", "TCPIP::other.such.name.invalid::1::SOCKET"),
    ],
)
def test_different_equipment_stays_different(one, other):
    assert canonical(one) != canonical(other)


def test_a_link_is_its_device(tmp_path):
    node = tmp_path / "ttyUSB0"
    node.write_text("")
    link = tmp_path / "usb-FTDI-if00"
    link.symlink_to(node)
    assert canonical(str(link)) == str(node)
    assert canonical(f"ASRL{link}::INSTR") == f"ASRL{node}::INSTR"
    board = find_kind("line.lcus")
    assert equipment_key(board, {"url": str(link), "relays": 4}) == equipment_key(
        board, {"url": str(node), "relays": 4}
    )


def test_a_board_and_a_supply_by_name_and_by_number():
    board, supply = find_kind("line.numato-ethernet"), find_kind("supply.scpi-generic")
    assert equipment_key(board, {"host": "localhost"}) == equipment_key(
        board, {"host": "127.0.0.1", "port": 23}
    )
    assert (
        equipment_key(supply, {"resource": "TCPIP0::localhost::1::SOCKET"})
        == "visa:TCPIP::127.0.0.1::1::SOCKET"
    )
