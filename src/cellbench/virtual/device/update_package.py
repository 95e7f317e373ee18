"""Firmware packages of the virtual modules (docs/firmware-packages.md); the makers' formats are not public.

Magic, length of the header, header (JSON), payload, Ed25519 signature over all before it. What follows the
signature is padding of Xmodem's last block.
"""

from __future__ import annotations

import enum
import functools
import hashlib
import json
import zlib
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cellbench.catalogue.model import Series
from cellbench.catalogue.releases import OTHER_START, newest

KEY_FILE = Path(__file__).resolve().parent.parent / "world" / "certs" / "firmware_signing.key"
MAGIC = b"CBFWPKG1"
_LENGTH = 4
_SIGNATURE = 64
_LONGEST_HEADER = 4096
PADDING = 0x1A
_MOST_PADDING = 1024
GUIDE_SIZE = 74_268
"""The size that the LENA-R8 guide prints for a delta package (Table 51)."""
FULL_SIZE = 262_144
TOO_LARGE_MARGIN = 65_536


class Kind(enum.Enum):
    """What a package holds."""

    FULL = "full"
    DELTA = "delta"


class PackageDefect(enum.Enum):
    """What can be wrong with a package on purpose."""

    WRONG_START = "wrong-start"
    CORRUPT = "corrupt"
    TOO_LARGE = "too-large"
    UNSIGNED = "unsigned"


class Fault(enum.IntEnum):
    """Why a package is refused, with the codes of +UFWUPD and +UFWINSTALL (facts sheet 11)."""

    NOT_FOUND = 144
    CORRUPT = 148
    NO_PACKAGE = 158  # the format is not known
    WRONG_START = 168
    SIGNATURE = 173
    SIZE = 180
    NO_ROOM = 230  # a file operation failed


class PackageFault(Exception):
    """A package cannot be installed."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.name.lower().replace("_", " "))
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Package:
    """A package whose form, check sum and signature are good."""

    series: Series
    kind: Kind
    start: str | None
    """The release that a delta begins from; None: a full image goes onto any."""
    end: str
    size: int

    def check_start(self, series: Series, installed: str | None) -> None:
        """PackageFault when it does not fit onto ``installed`` (None: nothing that runs)."""
        fits = self.start is None or self.start == installed
        if self.series is not series or not fits:
            raise PackageFault(Fault.WRONG_START)


@functools.cache
def _key() -> Ed25519PrivateKey:
    key = load_pem_private_key(KEY_FILE.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError(f"{KEY_FILE} is not an Ed25519 key")
    return key


def make(series: Series, start: str, end: str, kind: Kind, *, size: int | None = None,
         defect: PackageDefect | None = None, room: int = 0) -> bytes:
    """A package of ``size`` bytes in all (default: as the guide prints it, larger for a full image).

    ``room``: what the module's file system takes; a package too large is larger than that. ValueError when
    ``size`` is less than header and signature take.
    """
    if defect is PackageDefect.WRONG_START:
        start = OTHER_START[series]
    if size is None:
        size = GUIDE_SIZE if kind is Kind.DELTA else FULL_SIZE
        size = max(size, room + TOO_LARGE_MARGIN) if defect is PackageDefect.TOO_LARGE else size
    facts: dict[str, object] = {
        "series": series.value, "kind": kind.value, "from": start if kind is Kind.DELTA else None, "to": end,
        "size": size, "payload": size, "crc32": 0xFFFFFFFF}
    longest = len(_header(facts))
    count = size - len(MAGIC) - _LENGTH - longest - _SIGNATURE
    if count < 1:
        raise ValueError(f"a package takes at least {size - count + 1} bytes")
    payload = hashlib.shake_128(f"{series.value} {start} {end} {kind.value}".encode()).digest(count)
    header = _header({**facts, "payload": count, "crc32": zlib.crc32(payload)}).ljust(longest)
    body = MAGIC + len(header).to_bytes(_LENGTH, "big") + header + payload
    signature = bytes(_SIGNATURE) if defect is PackageDefect.UNSIGNED else _key().sign(body)
    if defect is PackageDefect.CORRUPT:
        middle = len(body) - count // 2
        body = body[:middle] + bytes([body[middle] ^ 0xFF]) + body[middle + 1 :]
    return body + signature


def fitting(series: Series, installed: str, kind: Kind = Kind.DELTA, *, size: int | None = None,
            defect: PackageDefect | None = None, room: int = 0) -> bytes:
    """A package from ``installed`` to the series' newest release."""
    return make(series, installed, newest(series).version, kind, size=size, defect=defect, room=room)


def announced_size(begin: bytes | bytearray) -> int:
    """The whole size that the first bytes of a package announce; 0 when they are no package's, or too few."""
    try:
        size = _facts(bytes(begin[: _LONGEST_HEADER + len(MAGIC) + _LENGTH]))[0].get("size")
    except PackageFault:
        return 0
    return size if isinstance(size, int) else 0


def read(data: bytes) -> Package:
    """Check form, size, check sum and signature; PackageFault names what is wrong."""
    facts, begin = _facts(data)
    try:
        series, kind = Series(facts["series"]), Kind(facts["kind"])
        start, end = facts["from"], facts["to"]
        size, payload, crc = facts["size"], facts["payload"], facts["crc32"]
    except (KeyError, ValueError):
        raise PackageFault(Fault.NO_PACKAGE) from None
    if not (isinstance(size, int) and isinstance(payload, int) and isinstance(end, str)
            and (start is None or isinstance(start, str))):
        raise PackageFault(Fault.NO_PACKAGE)
    rest = data[size:]
    padded = len(rest) < _MOST_PADDING and rest == bytes([PADDING]) * len(rest)
    if size != begin + payload + _SIGNATURE or len(data) < size or not padded:
        raise PackageFault(Fault.SIZE)
    if zlib.crc32(data[begin : begin + payload]) != crc:
        raise PackageFault(Fault.CORRUPT)
    try:
        _key().public_key().verify(data[size - _SIGNATURE : size], data[: size - _SIGNATURE])
    except InvalidSignature:
        raise PackageFault(Fault.SIGNATURE) from None
    return Package(series, kind, start, end, size)


def _header(facts: dict[str, object]) -> bytes:
    return json.dumps(facts, sort_keys=True).encode()


def _facts(data: bytes) -> tuple[dict[str, object], int]:
    """The header, and where the payload begins."""
    head = len(MAGIC) + _LENGTH
    length = int.from_bytes(data[len(MAGIC) : head], "big")
    if data[: len(MAGIC)] != MAGIC or not 0 < length <= _LONGEST_HEADER or len(data) < head + length:
        raise PackageFault(Fault.NO_PACKAGE)
    try:
        facts = json.loads(data[head : head + length])
    except ValueError:
        raise PackageFault(Fault.NO_PACKAGE) from None
    if not isinstance(facts, dict):
        raise PackageFault(Fault.NO_PACKAGE)
    return facts, head + length
