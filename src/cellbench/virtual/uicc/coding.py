"""How identities and numbers stand in files (TS 24.008 10.5.1, TS 31.102 4.2, ITU-T E.118)."""

from __future__ import annotations

PLMN_UNUSED = b"\xff\xff\xff"
INTERNATIONAL, UNKNOWN = 0x91, 0x81


def swapped(digits: str) -> bytes:
    """Digits as nibbles swapped in pairs, F filled (TS 24.008 10.5.1.4, TS 102 221 13.2)."""
    padded = digits if len(digits) % 2 == 0 else digits + "F"
    return bytes.fromhex("".join(padded[place + 1] + padded[place] for place in range(0, len(padded), 2)))


def unswapped(raw: bytes) -> str:
    """The digits of :func:`swapped`, with a filling F as it stands."""
    text = raw.hex().upper()
    return "".join(text[place + 1] + text[place] for place in range(0, len(text), 2))


def imsi_file(imsi: str) -> bytes:
    """EF_IMSI of an IMSI (TS 31.102 4.2.2): length, parity nibble, digits swapped."""
    coded = swapped("9" + imsi) if len(imsi) % 2 else swapped("1" + imsi + "F")
    return bytes([len(coded)]) + coded.ljust(8, b"\xff")


def imsi_of(content: bytes) -> str:
    """The IMSI in EF_IMSI; empty when the file says none."""
    size = content[0] if content else 0
    if not 1 <= size <= 8:
        return ""
    return unswapped(content[1:1 + size])[1:].rstrip("F")


def plmn(code: str) -> bytes:
    """MCC and MNC in three bytes (TS 24.008 10.5.1.13)."""
    mcc, mnc = code[:3], code[3:].ljust(3, "F")
    return bytes.fromhex(mcc[1] + mcc[0] + mnc[2] + mcc[2] + mnc[1] + mnc[0])


def access_class(imsi: str) -> bytes:
    """EF_ACC: one class of 0 to 9, by the last digit (TS 31.102 4.2.15, TS 22.011 4.2)."""
    return (1 << int(imsi[-1])).to_bytes(2, "big")


def dialling(number: str) -> bytes:
    """Length, type and BCD digits of a number in eleven bytes and one (TS 31.102 4.2.26)."""
    kind = INTERNATIONAL if number.startswith("+") else UNKNOWN
    digits = swapped(number.lstrip("+").replace("*", "A").replace("#", "B"))
    return bytes([1 + len(digits), kind]) + digits.ljust(10, b"\xff")


def dialled(raw: bytes) -> tuple[str, int] | None:
    """Number and type of :func:`dialling`; None when there is none."""
    if len(raw) < 2 or not 2 <= raw[0] <= 11:
        return None
    digits = unswapped(raw[2:1 + raw[0]]).rstrip("F").replace("A", "*").replace("B", "#")
    return ("+" if raw[1] & 0x70 == 0x10 else "") + digits, raw[1]


def number_record(alpha: str, number: str, size: int) -> bytes:
    """A record of EF_MSISDN or EF_ADN: name, number, no configuration, no extension (TS 31.102 4.2.26)."""
    return alpha.encode("latin-1")[:size - 14].ljust(size - 14, b"\xff") + dialling(number) + b"\xff\xff"


def service_table(*numbers: int, size: int) -> bytes:
    """Bits of EF_UST or EF_IST by service number from 1 (TS 31.102 4.2.8)."""
    bits = sum(1 << number - 1 for number in numbers)
    return bits.to_bytes(size, "little")
