"""Options of the Link Control Protocol as the module wants and takes them (RFC 1661 6, RFC 1662 7.1)."""

from __future__ import annotations

import enum
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from .framing import ALL_ESCAPED, PLAIN, Sending
from .negotiation import Verdict
from .packets import Option, Protocol

MRU = 1500
"""The default Maximum-Receive-Unit (RFC 1661 6.1)."""
SMALLEST_MRU = 128
MD5 = 5
"""The algorithm of CHAP that the module has (RFC 1994 3)."""
LOOPS = 5
"""Requests with the module's own Magic-Number until the link counts as looped back."""


class Kind(enum.IntEnum):
    """Types of options."""

    MRU = 1
    ACCM = 2
    AUTHENTICATION = 3
    MAGIC = 5
    PROTOCOL_COMPRESSION = 7
    ADDRESS_COMPRESSION = 8


class Method(enum.Enum):
    """How the host is to show who it is; the value is that of the option (RFC 1334 2.1, RFC 1994 3)."""

    PAP = int(Protocol.PAP).to_bytes(2, "big")
    CHAP = int(Protocol.CHAP).to_bytes(2, "big") + bytes((MD5,))


@dataclass(frozen=True, slots=True)
class Taken:
    """What the host asked for of the module."""

    mru: int = MRU
    sending: Sending = PLAIN
    magic: int = 0


class LinkOptions:
    """The module's side of LCP's options; ``methods``: ways to authenticate, the best one first."""

    def __init__(self, methods: Sequence[Method], *, required: bool, chance: random.Random,
                 accm: int = 0, mru: int = MRU) -> None:
        self._methods = tuple(methods)
        self._required = required
        self._chance = chance
        self._accm_wanted = accm
        self._mru_wanted = mru
        self.taken = Taken()
        self.loops = 0
        self.unwilling = False  # the host rejects an authentication that is required
        self.begin()

    def begin(self) -> None:
        """Everything as the module likes it best."""
        self._left = list(self._methods)
        self._refused: set[int] = set()
        self._mru = self._mru_wanted
        self._accm = self._accm_wanted
        self._magic = self._chance.getrandbits(32) or 1
        self.unwilling = False

    @property
    def method(self) -> Method | None:
        """The authentication asked for, None for none."""
        return self._left[0] if self._left else None

    @property
    def magic(self) -> int:
        """The module's Magic-Number, 0 when the host rejected it."""
        return 0 if Kind.MAGIC in self._refused else self._magic

    @property
    def accm(self) -> int:
        """The characters that the host escapes."""
        return ALL_ESCAPED if Kind.ACCM in self._refused else self._accm

    @property
    def compressed_protocol(self) -> bool:
        """True when the host may compress the protocol field."""
        return Kind.PROTOCOL_COMPRESSION not in self._refused

    @property
    def compressed_address(self) -> bool:
        """True when the host may leave out address and control."""
        return Kind.ADDRESS_COMPRESSION not in self._refused

    def request(self) -> tuple[Option, ...]:
        """What the module asks of the host."""
        wanted = [Option(Kind.MRU, self._mru.to_bytes(2, "big"))] if self._mru != MRU else []
        wanted.append(Option(Kind.ACCM, self._accm.to_bytes(4, "big")))
        if self.method is not None:
            wanted.append(Option(Kind.AUTHENTICATION, self.method.value))
        wanted += [Option(Kind.MAGIC, self._magic.to_bytes(4, "big")), Option(Kind.PROTOCOL_COMPRESSION),
                   Option(Kind.ADDRESS_COMPRESSION)]
        return tuple(option for option in wanted if option.kind not in self._refused)

    def naked(self, options: Sequence[Option]) -> None:
        """The host's own values are taken where they can be."""
        for option in options:
            number = int.from_bytes(option.value, "big")
            if option.kind == Kind.MRU and len(option.value) == 2:
                self._mru = max(SMALLEST_MRU, number)
            elif option.kind == Kind.ACCM and len(option.value) == 4:
                self._accm |= number
            elif option.kind == Kind.MAGIC:
                self._magic = self._chance.getrandbits(32) or 1
            elif option.kind == Kind.AUTHENTICATION:
                self._other_method(option.value)

    def _other_method(self, hint: bytes) -> None:
        """The host would rather authenticate otherwise: by what it names, else by the next way."""
        rest = self._left[1:]
        named = [method for method in rest if method.value == hint]
        if named or rest:
            self._left = named or rest
        elif not self._required:
            self._left = []
        else:
            self.unwilling = True

    def rejected(self, options: Sequence[Option]) -> None:
        """The host does not know these options."""
        for option in options:
            if option.kind == Kind.AUTHENTICATION:
                self.unwilling = self._required
                self._left = self._left if self._required else []
            else:
                self._refused.add(option.kind)

    def judge(self, options: Sequence[Option]) -> Verdict:
        """What the host asks of the module."""
        rejected: list[Option] = []
        wanted: list[Option] = []
        for option in options:
            length = _LENGTHS.get(option.kind)
            if length is None:
                rejected.append(option)
            elif len(option.value) != length:
                wanted.append(Option(option.kind, _INSTEAD[option.kind]))
            elif option.kind == Kind.MRU and int.from_bytes(option.value, "big") < SMALLEST_MRU:
                wanted.append(Option(Kind.MRU, SMALLEST_MRU.to_bytes(2, "big")))
            elif option.kind == Kind.MAGIC:
                wanted += self._judge_magic(int.from_bytes(option.value, "big"))
        return Verdict(tuple(rejected), () if rejected else tuple(wanted))

    def _judge_magic(self, number: int) -> list[Option]:
        """The module's own number coming back, or none at all, asks for another (RFC 1661 6.4)."""
        if number not in (0, self.magic):
            self.loops = 0
            return []
        if number:
            self.loops += 1
        return [Option(Kind.MAGIC, (self._chance.getrandbits(32) or 1).to_bytes(4, "big"))]

    def accept(self, options: Sequence[Option]) -> None:
        """What the module keeps to from now on."""
        values = {option.kind: int.from_bytes(option.value, "big") for option in options}
        self.taken = Taken(
            values.get(Kind.MRU, MRU),
            Sending(values.get(Kind.ACCM, ALL_ESCAPED), Kind.PROTOCOL_COMPRESSION in values,
                    Kind.ADDRESS_COMPRESSION in values),
            values.get(Kind.MAGIC, 0))


_LENGTHS: Mapping[int, int] = MappingProxyType({
    Kind.MRU: 2, Kind.ACCM: 4, Kind.MAGIC: 4, Kind.PROTOCOL_COMPRESSION: 0, Kind.ADDRESS_COMPRESSION: 0})
_INSTEAD: Mapping[int, bytes] = MappingProxyType({
    Kind.MRU: MRU.to_bytes(2, "big"), Kind.ACCM: bytes(4), Kind.MAGIC: bytes((0, 0, 0, 1)),
    Kind.PROTOCOL_COMPRESSION: b"", Kind.ADDRESS_COMPRESSION: b""})
