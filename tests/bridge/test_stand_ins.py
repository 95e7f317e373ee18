"""Stand-ins: form, length, check digits; found in clear, swapped, as hexadecimal text; never the original."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from cellbench.bridge.stand_ins import StandIns, luhn

DIGITS = some.text("0123456789", min_size=14, max_size=14)


def is_telling(number: int) -> bool:
    """True unless the number repeats itself so much that it reads alike at many a place."""
    return len(set(str(number))) >= 6


def swapped(digits: str) -> str:
    return "".join(digits[at + 1] + digits[at] for at in range(0, len(digits), 2))


@given(DIGITS)
def test_an_imei_keeps_type_length_and_check_digit(body: str) -> None:
    known, imei = StandIns(), body + luhn(body)
    made = known.learn("imei", imei)
    assert made[:8] == imei[:8]
    assert made != imei
    assert made[-1] == luhn(made[:14])
    assert known.learn("imei", imei) == made
    assert known.replace(f'"{imei}"') == f'"{made}"'


@given(some.integers(10**17, 10**18 - 1).filter(is_telling))
def test_an_iccid_is_found_with_swapped_nibbles(number: int) -> None:
    known, body = StandIns(), str(number)
    iccid = body + luhn(body)
    made = known.learn("iccid", iccid)
    assert made[-1] == luhn(made[:-1])
    assert known.replace(swapped(iccid + "F")) == swapped(made + "F")
    assert iccid not in known.replace(f"+CCID: {iccid}F")


@given(some.integers(10**14, 10**15 - 1).filter(is_telling))
def test_an_imsi_is_found_in_its_file(number: int) -> None:
    known, imsi = StandIns(), str(number)
    made = known.learn("imsi", imsi)
    assert made[:5] == imsi[:5]
    assert known.replace("08" + swapped("9" + imsi)) == "08" + swapped("9" + made)


def test_a_number_is_found_without_its_country_code_and_in_every_coding() -> None:
    known, number = StandIns(), "+393487305518"
    made = known.learn("number", number)
    assert (len(made), made[:5]) == (len(number), number[:5])
    for code in (str, lambda one: one.encode().hex().upper(),
                 lambda one: one.encode("utf-16-be").hex().upper(),
                 lambda one: "0791" + swapped(one.lstrip("+"))):
        assert known.replace(code(number)) == code(made)
    assert known.replace("3487305518") == made[3:]


def test_addresses_keep_the_length_of_their_parts_and_stand_apart() -> None:
    known = StandIns()
    made = [known.learn("ip", one) for one in ("10.80.0.53", "10.80.0.54", "95.110.2.7", "10.80.0.53")]
    assert [list(map(len, one.split("."))) for one in made[:2]] == [[2, 2, 1, 2]] * 2
    assert made[0] == made[3]
    assert len(set(made)) == 3
    assert known.replace('"10.80.0.53.255.255.255.0"') == f'"{made[0]}.255.255.255.0"'
    assert known.replace('"110.80.0.53"') == '"110.80.0.53"'
