"""The persons in a short message's PDU (3GPP TS 23.040 9.2): addresses by stand-ins, the text blanked."""

from __future__ import annotations

from cellbench.bridge.stand_ins import StandIns

_DELIVER, _SUBMIT = 0, 1


def masked_pdu(text: str, stand_ins: StandIns) -> str:
    """A PDU of the same length without its persons; what cannot be read is blanked whole."""
    try:
        data = bytearray.fromhex(text)
        _mask(data, stand_ins)
    except (ValueError, IndexError):
        return "0" * len(text)
    return data.hex().upper()


def _mask(data: bytearray, stand_ins: StandIns) -> None:
    at = 1 + data[0]
    if data[0] > 1:
        _mask_address(data, 2, at, stand_ins)
    first = data[at]
    kind = first & 0x03
    if kind not in (_DELIVER, _SUBMIT):
        data[at + 1:] = bytes(len(data) - at - 1)
        return
    at += 2 if kind == _SUBMIT else 1
    digits = data[at]
    end = at + 2 + (digits + 1) // 2
    _mask_address(data, at + 2, end, stand_ins)
    at = end + 2  # protocol and coding
    validity = {0: 0, 2: 1}.get(first >> 3 & 0x03, 7)
    at += 7 if kind == _DELIVER else validity
    data[at + 1:] = bytes(len(data) - at - 1)  # behind the length of the text


def _mask_address(data: bytearray, begin: int, end: int, stand_ins: StandIns) -> None:
    """The digits of an address, nibbles swapped, F at an odd end."""
    if end > len(data):
        raise IndexError(end)
    octets = data[begin:end].hex().upper()
    digits = "".join(octets[at + 1] + octets[at] for at in range(0, len(octets), 2))
    number = digits.rstrip("F")
    if not number.isdigit():  # letters in seven bits
        data[begin:end] = bytes(end - begin)
        return
    made = stand_ins.learn("number", number) + digits[len(number):]
    data[begin:end] = bytes.fromhex("".join(made[at + 1] + made[at] for at in range(0, len(made), 2)))
