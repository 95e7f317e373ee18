"""Milenage against the test sets of 3GPP TS 35.207, and what the card makes of challenges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cellbench.virtual.uicc.aka import Aka
from cellbench.virtual.uicc.apdu import Refused
from cellbench.virtual.uicc.milenage import Milenage, xor

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "uicc" / "milenage.yaml"
SETS = yaml.safe_load(VECTORS.read_text(encoding="utf-8"))["sets"]
AMF = b"\x80\x00"
RAND = bytes(range(16))


@pytest.mark.parametrize("one", SETS, ids=[f"set-{one['set']}" for one in SETS])
def test_sets_of_the_standard(one: Any) -> None:
    value = {name: bytes.fromhex(text) for name, text in one.items() if name != "set"}
    made = Milenage.with_op(value["k"], value["op"])
    assert made.opc == value["opc"]
    assert made.f1(value["rand"], value["sqn"], value["amf"]) == value["f1"]
    assert made.f1_star(value["rand"], value["sqn"], value["amf"]) == value["f1s"]
    vector = made.f2345(value["rand"])
    assert (vector.res, vector.ck, vector.ik, vector.ak) == tuple(value[f] for f in ("f2", "f3", "f4", "f5"))
    assert made.f5_star(value["rand"]) == value["f5s"]


def test_all_six_sets_are_there() -> None:
    assert [one["set"] for one in SETS] == [1, 2, 3, 4, 5, 6]


def challenge(network: Milenage, sqn: int) -> bytes:
    """AUTN of a network (TS 33.102 6.3.2)."""
    number = sqn.to_bytes(6, "big")
    return xor(number, network.f2345(RAND).ak) + AMF + network.f1(RAND, number, AMF)


@pytest.fixture
def network() -> Milenage:
    return Milenage(bytes(16), bytes(range(16)))


def test_sequence_numbers_are_fresh_by_index(network: Milenage) -> None:
    """TS 33.102 annex C: the last five bits are the index, the rest counts for each index alone."""
    card = Aka(network, sqn=0x100 << 5)
    assert card.third_generation(RAND, challenge(network, 0x101 << 5 | 1), with_kc=False)[0] == 0xDB
    assert card.third_generation(RAND, challenge(network, 0x101 << 5 | 2), with_kc=False)[0] == 0xDB
    assert card.third_generation(RAND, challenge(network, 0x101 << 5 | 1), with_kc=False)[0] == 0xDC
    assert card.third_generation(RAND, challenge(network, 0x103 << 5 | 1), with_kc=True)[0] == 0xDB
    assert card.done == 3


def test_resynchronisation_tells_the_highest_number(network: Milenage) -> None:
    card = Aka(network, sqn=0x2000)
    answer = card.third_generation(RAND, challenge(network, 0x20), with_kc=False)
    assert answer[:2] == bytes([0xDC, 14])
    sqn = xor(answer[2:8], network.f5_star(RAND))
    assert int.from_bytes(sqn, "big") == 0x2000
    assert answer[8:] == network.f1_star(RAND, sqn, b"\0\0")


def test_a_network_with_another_key_is_refused(network: Milenage) -> None:
    card = Aka(network)
    with pytest.raises(Refused, match="9862"):
        card.third_generation(RAND, challenge(Milenage(bytes(15) + b"\1", bytes(16)), 64), with_kc=False)
    assert card.done == 0


def test_keys_have_sixteen_bytes() -> None:
    with pytest.raises(ValueError, match="16"):
        Milenage(bytes(15), bytes(16))
