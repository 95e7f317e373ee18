"""Certificates and keys in the module (+USECMNG), each compared with its MD5 as the host computes it."""

from __future__ import annotations

import base64
import binascii
import csv
import enum
import hashlib
import re
from dataclasses import dataclass

from cellbench.base.errors import OperatorError, UnitError
from cellbench.host.answer import Answer
from cellbench.host.channel import Channel
from cellbench.host.errors import CmeError
from cellbench.host.files import file_errors

_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_NOT_FOUND = 1916


class CertificateKind(enum.Enum):
    """What +USECMNG keeps: number in the command, label in the list."""

    ROOT = (0, "CA")
    CLIENT = (1, "CC")
    KEY = (2, "PK")
    SERVER = (3, "SC")
    SIGNER = (4, "VC")
    SIGNER_KEY = (5, "PU")

    @property
    def number(self) -> int:
        """<type> of the command."""
        return self.value[0]


@dataclass(frozen=True, slots=True)
class Stored:
    """One line of the list; ``common_name`` and ``end`` are "" where the line has none. ``end`` is UTC,
    YYYY/MM/DD with or without HH:MM:SS."""

    kind: CertificateKind
    name: str
    common_name: str = ""
    end: str = ""


class CertificateMissing(UnitError):
    """The module has no certificate or key of that kind and name."""


class CertificateDiffers(UnitError):
    """The module's MD5 is not that of the DER that was sent."""


class Certificates:
    """The certificate store behind a channel."""

    __slots__ = ("_channel",)

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def put(self, kind: CertificateKind, name: str, data: bytes, *, password: str | None = None) -> str:
        """Import PEM or DER by the byte stream; the MD5 of the stored DER. One of that kind and name is
        replaced. Raises CertificateDiffers, CmeError (1913: form; 1911: size)."""
        line = f'AT+USECMNG=0,{kind.number},"{name}",{len(data)}{_quoted(password)}'
        if kind is CertificateKind.KEY:
            self._channel.secrets.learn_text(data)
        return self._compared(self._channel.send(line, payload=data), kind, name, _expected(data, password))

    def put_file(self, kind: CertificateKind, name: str, file: str, data: bytes | None = None, *,
                 password: str | None = None) -> str:
        """Import from a file in the module; compared with ``data`` where it is given. Raises FileMissing
        besides."""
        with file_errors(file):
            answer = self._channel.send(
                f'AT+USECMNG=1,{kind.number},"{name}","{file}"{_quoted(password)}')
        return self._compared(answer, kind, name, None if data is None else _expected(data, password))

    def md5(self, kind: CertificateKind, name: str) -> str:
        """The MD5 of a stored DER, 32 lower-case digits. Raises CertificateMissing."""
        return self._compared(self._named(f'AT+USECMNG=4,{kind.number},"{name}"', name), kind, name, None)

    def remove(self, kind: CertificateKind, name: str, *, missing_ok: bool = False) -> None:
        """Remove one; CertificateMissing when there is none, unless ``missing_ok``."""
        try:
            self._named(f'AT+USECMNG=2,{kind.number},"{name}"', name)
        except CertificateMissing:
            if not missing_ok:
                raise

    def list(self) -> tuple[Stored, ...]:
        """All that is stored. The lines have no prefix; their label may be quoted or not."""
        return tuple(_stored(line) for line in self._channel.send("AT+USECMNG=3").info)

    def _named(self, line: str, name: str) -> Answer:
        try:
            return self._channel.send(line)
        except CmeError as error:
            if error.number == _NOT_FOUND:
                raise CertificateMissing(f"{error.command}: the module has no {name!r}") from None
            raise

    def _compared(self, answer: Answer, kind: CertificateKind, name: str, expected: str | None) -> str:
        """The answer's MD5. Its first number is not looked at: the guides print 1 for both imports."""
        fields = answer.value("+USECMNG")
        if len(fields) != 4 or fields[1:3] != (kind.number, name):
            raise UnitError(f"{answer.command}: the answer is of something else: {list(answer.info)}")
        told = str(fields[3])
        if expected is not None and told != expected:
            raise CertificateDiffers(f"{answer.command}: MD5 {told} where the DER sent has {expected}")
        return told


def der_of(data: bytes) -> bytes:
    """The DER of PEM or DER; of several PEM blocks the first. Raises OperatorError for a broken PEM."""
    found = _PEM.search(data)
    if found is None:
        return data
    body = found.group(2)
    if b"Proc-Type" in body:
        raise OperatorError("this PEM is encrypted in the old form: its DER cannot be computed")
    try:
        return base64.b64decode(b"".join(body.split()), validate=True)
    except binascii.Error as error:
        raise OperatorError(f"this PEM's content is no base64: {error}") from None


def md5_of(data: bytes) -> str:
    """The MD5 of the DER of PEM or DER, as the module tells it (no protection: a name for a content)."""
    return hashlib.md5(der_of(data), usedforsecurity=False).hexdigest()


def _expected(data: bytes, password: str | None) -> str | None:
    """None where the module stores another form than was sent: a key that it decrypts, a broken PEM."""
    if password is not None:
        return None
    try:
        return md5_of(data)
    except OperatorError:
        return None


def _quoted(password: str | None) -> str:
    return "" if password is None else f',"{password}"'


def _stored(line: str) -> Stored:
    parts = next(csv.reader([line], skipinitialspace=True))
    label, *rest = (part.strip() for part in parts)
    kind = next((kind for kind in CertificateKind if kind.value[1] == label), None)
    if kind is None or not rest:
        raise UnitError(f"AT+USECMNG=3: not a line of the list: {line!r}")
    return Stored(kind, *rest[:3])
