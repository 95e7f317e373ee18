"""Stand-ins for identities: the same value always by the same stand-in, which keeps form, length and check
digit, wherever the value stands: in clear, in quotes, as hexadecimal text, with swapped nibbles (TS 31.102).
"""

from __future__ import annotations

import re

_HEX_RUN = re.compile(r"[0-9A-Fa-f]{8,}")
DOTTED = re.compile(r"(?<![0-9.])(?:[0-9]{1,3}\.){3,31}[0-9]{1,3}(?![0-9.])")
"""IP addresses as 27.007 writes them, with or without a mask."""

_KEPT = {"imei": 8, "imsi": 5, "iccid": 7, "number": 0, "digits": 0}
"""Digits that are kept: type of the device, the operator, the issuer of the card."""
_NUMBER_KEY = 8  # a telephone number is known by its last digits, so that it is found without country code
_SHORTEST = 6
_TELLING = 4
_OCTETS = ((0, 9, 10, 198), (0, 8, 51, 151), (0, 7, 77, 177))


class StandIns:
    """Identities that were seen and what stands for them."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}  # what is searched for → what stands for it
        self._kinds: dict[str, str] = {}  # stand-in → kind
        self._counts: dict[str, int] = {}
        self.cells: dict[tuple[int, str], int] = {}
        """Areas and cells by length and digits, counted: too short to be looked for everywhere."""
        self._parts: re.Pattern[str] | None = None

    def learn(self, kind: str, value: str) -> str:
        """A value and, where it has some, its shorter forms; returns the stand-in of the whole."""
        if kind == "ip":
            return self._learn_address(value)
        digits = value.lstrip("+")
        if not digits.isdigit() or len(digits) < _SHORTEST:
            return value
        if kind == "number":
            key = digits[-_NUMBER_KEY:]
            if len(set(key)) < _TELLING:
                key = digits  # 00000000 stands in many a place
            return value[:-len(key)] + self._remember(kind, key)
        if digits in self._known:
            return self._known[digits]
        if kind == "imei" and len(digits) > 14:
            body = self.learn("imei", digits[:14])
            tail = luhn(body) if len(digits) == 15 and luhn(digits[:14]) == digits[14] else digits[14:]
            return self._put(kind, digits, body + tail)
        if kind == "iccid" and len(digits) > 18:
            body = self.learn("iccid", digits[:18])
            check = luhn(body) if luhn(digits[:18]) == digits[18] else digits[18]
            whole = body + check + digits[19:]
            if len(digits) == 20 and luhn(digits[:19]) == digits[19]:
                whole = body + digits[18] + luhn(body + digits[18])
            self._put(kind, digits[:19], whole[:19])
            return self._put(kind, digits, whole)
        return self._remember(kind, digits)

    def replace(self, text: str) -> str:
        """The text with every known identity replaced, in whatever form it stands there."""
        if not self._known:
            return text
        parts, at = [], 0
        for run in _HEX_RUN.finditer(text):
            parts.append(self._in_clear(text[at:run.start()]))
            clear = self._in_clear(run[0])
            parts.append(clear if clear != run[0] else self._in_hex(run[0]))
            at = run.end()
        text = "".join(parts) + self._in_clear(text[at:])
        return DOTTED.sub(self._address, text)

    def listed(self) -> tuple[tuple[str, str], ...]:
        """Kind and value of every stand-in, in the order in which the identities were seen."""
        return tuple((kind, value) for value, kind in self._kinds.items())

    # -- inside ----------------------------------------------------------------------------------

    def _remember(self, kind: str, digits: str) -> str:
        if digits in self._known:
            return self._known[digits]
        keep = min(_KEPT[kind], len(digits) - _SHORTEST)
        while True:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            room = len(digits) - max(keep, 0)
            made = digits[:max(keep, 0)] + "9" + f"{self._counts[kind]:0{room - 1}d}"[-(room - 1):]
            if made not in self._known and made != digits:
                return self._put(kind, digits, made)

    def _learn_address(self, value: str) -> str:
        if value in self._known:
            return self._known[value]
        self._counts["ip"] = self._counts.get("ip", 0) + 1
        octets = value.split(".")
        count, made = self._counts["ip"], []
        for place, octet in enumerate(octets):
            if place < len(octets) - 1:
                made.append(str(_OCTETS[min(place, 2)][len(octet)]))
            else:
                low, size = {1: (1, 9), 2: (10, 90), 3: (100, 156)}[len(octet)]
                made.append(str(low + (count - 1) % size))
        text = ".".join(made)
        while text in self._known or text in self._kinds or text == value:
            made[-2] = str((int(made[-2]) + 1) % 256)
            text = ".".join(made)
        return self._put("ip", value, text)

    def _put(self, kind: str, value: str, stand_in: str) -> str:
        self._known[value] = stand_in
        self._kinds[stand_in] = kind
        self._parts = None
        return stand_in

    def _pattern(self) -> re.Pattern[str]:
        if self._parts is None:
            longest = sorted(self._known, key=len, reverse=True)
            self._parts = re.compile("|".join(
                re.escape(one) + ("(?![0-9])" if self._kinds.get(self._known[one]) == "number" else "")
                for one in longest if "." not in one) or r"(?!)")
        return self._parts

    def _in_hex(self, run: str) -> str:
        """A run of hexadecimal digits with the identities in it that are coded."""
        even = run[:len(run) // 2 * 2]
        swapped = _swapped(even)
        clean = self._in_clear(swapped)
        if clean != swapped:
            even = _swapped(clean)
        for value, stand_in in self._known.items():
            for code in (_ascii_hex, _ucs2_hex):
                even = _replaced(even, code(value), code(stand_in))
        return even + run[len(even):]

    def _in_clear(self, text: str) -> str:
        return self._pattern().sub(lambda found: self._known[found[0]], text)

    def _address(self, found: re.Match[str]) -> str:
        """Four octets of IPv4; 16 of IPv6; either with its mask behind (27.007 10.1.1)."""
        octets = found[0].split(".")
        groups = [".".join(octets[at:at + 4]) for at in range(0, len(octets), 4)]
        return ".".join(self._known.get(one, one) for one in groups)


def luhn(digits: str) -> str:
    """The check digit behind the digits of an IMEI or ICCID (ISO/IEC 7812-1 annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 - place % 2)
        total += value // 10 + value % 10
    return str(-total % 10)


def _swapped(text: str) -> str:
    return "".join(text[at + 1] + text[at] for at in range(0, len(text) - 1, 2))


def _ascii_hex(text: str) -> str:
    return text.encode("latin-1").hex().upper()


def _ucs2_hex(text: str) -> str:
    return text.encode("utf-16-be").hex().upper()


def _replaced(run: str, value: str, stand_in: str) -> str:
    at = run.upper().find(value)
    while at >= 0:
        new = stand_in if run[at:at + len(value)] == value else stand_in.lower()
        run = run[:at] + new + run[at + len(value):]
        at = run.upper().find(value, at + len(new))
    return run
