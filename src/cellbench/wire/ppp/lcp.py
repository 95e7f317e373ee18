"""The Link Control Protocol's options and its own packets (RFC 1661 5.7 to 5.9, 6)."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cellbench.wire.ppp.hdlc import DEFAULT_ACCM
from cellbench.wire.ppp.negotiation import Judgement
from cellbench.wire.ppp.packets import Option, Protocol

MRU_AT_FIRST = 1500
_SMALLEST_MRU = 68  # below it no IPv4 datagram must pass whole (RFC 791 3.2)
_CHAP_MD5 = b"\xc2\x23\x05"  # RFC 1994 3
_PAP = b"\xc0\x23"  # RFC 1334 2.1


class Kind(enum.IntEnum):
    """Options of LCP (RFC 1661 6, RFC 1662 7.1)."""

    MRU = 1
    ACCM = 2
    AUTHENTICATION = 3
    QUALITY = 4
    MAGIC = 5
    PROTOCOL_COMPRESSION = 7
    ADDRESS_COMPRESSION = 8


@dataclass(frozen=True, slots=True)
class FarLink:
    """What the far end asked for and was granted. ``authentication`` is PAP, CHAP or None."""

    mru: int = MRU_AT_FIRST
    accm: int = DEFAULT_ACCM
    short_protocol: bool = False
    short_address: bool = False
    authentication: Protocol | None = None


class LcpOptions:
    """What we ask for: control octets unescaped, a magic number, short headers, and ``mru`` when it is not
    the usual one. ``ways`` are the ways of authentication that we have a secret for, the best one first."""

    def __init__(self, mru: int, ways: Sequence[Protocol], magic: Callable[[], int]) -> None:
        self.far = FarLink()
        self.looped = 0
        """How often the far end had our own magic number: a line that echoes (RFC 1661 6.4)."""
        self._mru = mru
        self._ways = tuple(ways)
        self._new_magic = magic
        self._magic = magic()
        self._wanted = {Kind.ACCM, Kind.MAGIC, Kind.PROTOCOL_COMPRESSION, Kind.ADDRESS_COMPRESSION}
        if mru != MRU_AT_FIRST:
            self._wanted.add(Kind.MRU)

    @property
    def magic(self) -> int:
        """Our magic number, 0 when the far end has none of it."""
        return self._magic if Kind.MAGIC in self._wanted else 0

    @property
    def own_accm(self) -> int:
        """The control octets that the far end escapes, once it agreed."""
        return 0 if Kind.ACCM in self._wanted else DEFAULT_ACCM

    def request(self) -> Sequence[Option]:
        """See negotiation.Options."""
        values = {Kind.MRU: self._mru.to_bytes(2, "big"), Kind.ACCM: bytes(4),
                  Kind.MAGIC: self._magic.to_bytes(4, "big"), Kind.PROTOCOL_COMPRESSION: b"",
                  Kind.ADDRESS_COMPRESSION: b""}
        return [Option(kind, values[kind]) for kind in sorted(self._wanted)]

    def judge(self, asked: Sequence[Option]) -> Judgement:
        """Unknown options and ways of authentication without a secret are rejected."""
        rejected, otherwise = [], []
        for option in asked:
            wanted = self._opinion(option)
            if wanted is None:
                rejected.append(option)
            elif wanted != option.data:
                otherwise.append(Option(option.kind, wanted))
        return Judgement(tuple(rejected), tuple(otherwise))

    def _opinion(self, option: Option) -> bytes | None:
        """The data that we want in an option's place: its own when it is welcome, None when the option is
        not."""
        data = option.data
        match option.kind:
            case Kind.MRU if len(data) == 2:
                return max(int.from_bytes(data, "big"), _SMALLEST_MRU).to_bytes(2, "big")
            case Kind.ACCM if len(data) == 4:
                return data
            case Kind.PROTOCOL_COMPRESSION | Kind.ADDRESS_COMPRESSION if not data:
                return data
            case Kind.MAGIC if len(data) == 4:
                return self._other_magic(data)
            case Kind.AUTHENTICATION if self._ways:
                return data if _way(data) in self._ways else _asking_for(self._ways[0])
            case _:
                return None

    def _other_magic(self, data: bytes) -> bytes:
        if int.from_bytes(data, "big") not in (0, self._magic):
            return data
        self.looped += 1
        return self._new_magic().to_bytes(4, "big")

    def granted(self, asked: Sequence[Option]) -> None:
        """See negotiation.Options."""
        data = {option.kind: option.data for option in asked}
        self.looped = 0
        self.far = FarLink(
            mru=int.from_bytes(data.get(Kind.MRU, MRU_AT_FIRST.to_bytes(2, "big")), "big"),
            accm=int.from_bytes(data.get(Kind.ACCM, DEFAULT_ACCM.to_bytes(4, "big")), "big"),
            short_protocol=Kind.PROTOCOL_COMPRESSION in data,
            short_address=Kind.ADDRESS_COMPRESSION in data,
            authentication=_way(data.get(Kind.AUTHENTICATION, b"")))

    def suggested(self, options: Sequence[Option]) -> None:
        """A smaller MRU is taken; the magic number is thought of anew; an ACCM other than ours would only
        cost octets, so the option is left out."""
        for option in options:
            if option.kind == Kind.MRU and len(option.data) == 2:
                self._mru = int.from_bytes(option.data, "big")
                self._wanted.add(Kind.MRU)
            elif option.kind == Kind.MAGIC:
                self.looped += 1
                self._magic = self._new_magic()
            else:
                self._wanted.discard(option.kind)

    def refused(self, options: Sequence[Option]) -> None:
        """See negotiation.Options."""
        self._wanted -= {option.kind for option in options}


def _way(data: bytes) -> Protocol | None:
    if data == _PAP:
        return Protocol.PAP
    return Protocol.CHAP if data == _CHAP_MD5 else None


def _asking_for(way: Protocol) -> bytes:
    return _PAP if way is Protocol.PAP else _CHAP_MD5
