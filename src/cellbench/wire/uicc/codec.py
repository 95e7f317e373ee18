"""Codings of what files hold: swapped digits, ICCID, IMSI, PLMN (ETSI TS 102 221 13; 3GPP TS 31.102 4.2)."""

from __future__ import annotations

from cellbench.wire.uicc.errors import MalformedAnswer, UnsendableApdu

_FILLER = 0xF
_EMPTY_PLMN = b"\xff\xff\xff"
_NOTHING = 0xFF
_IMSI_OCTETS = 9
_ICCID_OCTETS = 10


def swapped(octets: bytes) -> str:
    """Each octet's halves as two digits, the lower first; F is kept: ``98 93`` gives ``8939``."""
    return "".join(f"{one & 0x0F:X}{one >> 4:X}" for one in octets)


def unswapped(digits: str) -> bytes:
    """The other way round; an odd last digit gets the filler F."""
    text = digits + "F" * (len(digits) % 2)
    try:
        return bytes(int(text[place + 1] + text[place], 16) for place in range(0, len(text), 2))
    except ValueError:
        raise UnsendableApdu(f"{digits!r} is no row of digits") from None


def decode_iccid(octets: bytes) -> str:
    """EF_ICCID (TS 102 221 13.2): 18 to 20 digits, without the filler."""
    digits = swapped(octets).rstrip("F")
    if len(octets) != _ICCID_OCTETS or not digits.isdecimal():
        raise MalformedAnswer(f"EF_ICCID holds {octets.hex().upper()}: ten octets of digits are due")
    return digits


def encode_iccid(digits: str) -> bytes:
    """The other way round."""
    if not (digits.isascii() and digits.isdecimal()) or not 18 <= len(digits) <= 20:
        raise UnsendableApdu("an ICCID has 18 to 20 digits")
    return unswapped(digits.ljust(20, "F"))


def luhn_holds(digits: str) -> bool:
    """True when the last digit is the check digit of those before it (ITU-T E.118 4.1)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0


def decode_imsi(octets: bytes) -> str:
    """EF_IMSI (31.102 4.2.2): length, then type and parity in the first half octet (24.008 10.5.1.4)."""
    if len(octets) != _IMSI_OCTETS or not 1 <= octets[0] <= 8:
        raise MalformedAnswer(f"EF_IMSI holds {octets.hex().upper()}: a length and digits are due")
    halves = swapped(octets[1:1 + octets[0]])
    kind = int(halves[0], 16)
    digits = halves[1:] if kind & 0x8 else halves[1:-1]
    if kind & 0x7 != 1 or not digits.isdecimal():
        raise MalformedAnswer(f"EF_IMSI holds {octets.hex().upper()}: no IMSI (24.008 10.5.1.4)")
    return digits


def encode_imsi(digits: str) -> bytes:
    """The other way round."""
    if not (digits.isascii() and digits.isdecimal()) or not 6 <= len(digits) <= 15:
        raise UnsendableApdu("an IMSI has 6 to 15 digits")
    body = unswapped(("9" if len(digits) % 2 else "1") + digits)
    return bytes((len(body),)) + body.ljust(_IMSI_OCTETS - 1, b"\xff")


def decode_plmn(octets: bytes) -> str:
    """Three octets (24.008 10.5.1.13): "22288", "310410"; "" for FFFFFF, an empty place."""
    if len(octets) != len(_EMPTY_PLMN):
        raise MalformedAnswer(f"a PLMN of {len(octets)} octets")
    if octets == _EMPTY_PLMN:
        return ""
    two, three = octets[0] & 0x0F, octets[0] >> 4
    third, country = octets[1] >> 4, octets[1] & 0x0F
    digits = [two, three, country, octets[2] & 0x0F, octets[2] >> 4]
    if third != _FILLER:
        digits.append(third)
    if any(one > 9 for one in digits):
        raise MalformedAnswer(f"{octets.hex().upper()} is no PLMN (24.008 10.5.1.13)")
    return "".join(str(one) for one in digits)


def encode_plmn(plmn: str) -> bytes:
    """The other way round; "" gives an empty place."""
    if plmn == "":
        return _EMPTY_PLMN
    if not (plmn.isascii() and plmn.isdecimal()) or len(plmn) not in (5, 6):
        raise UnsendableApdu(f"a PLMN has five or six digits, not {plmn!r}")
    third = int(plmn[5]) if len(plmn) == 6 else _FILLER
    return bytes((int(plmn[1]) << 4 | int(plmn[0]), third << 4 | int(plmn[2]),
                  int(plmn[4]) << 4 | int(plmn[3])))


def decode_plmns(octets: bytes) -> tuple[str, ...]:
    """A list of PLMNs without its empty places: EF_FPLMN, EF_EHPLMN (31.102 4.2.16, 4.2.84)."""
    if len(octets) % 3:
        raise MalformedAnswer(f"a list of PLMNs of {len(octets)} octets")
    found = (decode_plmn(octets[place:place + 3]) for place in range(0, len(octets), 3))
    return tuple(plmn for plmn in found if plmn)


def encode_plmns(plmns: tuple[str, ...], places: int) -> bytes:
    """A list for a file with so many places; UnsendableApdu when it does not hold them."""
    if len(plmns) > places:
        raise UnsendableApdu(f"{len(plmns)} PLMNs for {places} places")
    return b"".join(encode_plmn(one) for one in plmns).ljust(3 * places, b"\xff")


def decode_preferred(octets: bytes) -> tuple[tuple[str, int], ...]:
    """PLMNs with access technologies (31.102 4.2.5): PLMN and bits (4000 E-UTRAN, 8000 UTRAN, 0080 GSM)."""
    if len(octets) % 5:
        raise MalformedAnswer(f"a list of PLMNs with access technologies of {len(octets)} octets")
    rows = (octets[place:place + 5] for place in range(0, len(octets), 5))
    found = ((decode_plmn(row[:3]), int.from_bytes(row[3:], "big")) for row in rows)
    return tuple(entry for entry in found if entry[0])


def decode_alpha(octets: bytes) -> str:
    """An alpha identifier (TS 102 221 annex A): the default alphabet as far as it is ASCII, or UCS2 behind
    80; FF ends it."""
    if octets[:1] == b"\x80":
        text = octets[1:]
        while text[-2:] == b"\xff\xff":
            text = text[:-2]
        return text[:len(text) // 2 * 2].decode("utf-16-be", "replace")
    text = octets.split(b"\xff", 1)[0]
    return "".join(chr(one) if 0x20 <= one < 0x7F else "�" for one in text)


def decode_emergency(octets: bytes) -> tuple[str, str, int]:
    """A record of EF_ECC (31.102 4.2.21): number, its name, category; ("", "", 0) for an empty one."""
    if len(octets) < 4:
        raise MalformedAnswer(f"a record of EF_ECC of {len(octets)} octets, four are due")
    digits = swapped(octets[:3]).rstrip("F")
    if digits and not digits.isdecimal():
        raise MalformedAnswer(f"EF_ECC: {octets[:3].hex().upper()} is no number")
    if not digits:
        return "", "", 0
    return digits, decode_alpha(octets[3:-1]), octets[-1]


def is_empty(octets: bytes) -> bool:
    """True when every octet is FF: an erased file, a record not in use."""
    return all(one == _NOTHING for one in octets)
