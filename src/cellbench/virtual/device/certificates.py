"""Certificates and private keys of the module: imported, listed, told by their MD5, never read back.

LENA-R8 guide 9.1.1, Table 22; LARA-R6 guide 3.1. They lie beside the file system, not in it, and survive
power, restore and update (facts sheet internet 5).
"""

from __future__ import annotations

import binascii
import enum
import hashlib
import json
import os
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

LARGEST = 8192  # bytes of one certificate or key as sent (public drivers)
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.S)


class Item(enum.IntEnum):
    """What can be stored, by its number in +USECMNG."""

    CA = 0
    CLIENT_CERTIFICATE = 1
    CLIENT_KEY = 2
    SERVER_CERTIFICATE = 3
    SIGNATURE_CERTIFICATE = 4
    SIGNATURE_KEY = 5


LABELS: Mapping[Item, str] = MappingProxyType({
    Item.CA: "CA", Item.CLIENT_CERTIFICATE: "CC", Item.CLIENT_KEY: "PK", Item.SERVER_CERTIFICATE: "SC",
    Item.SIGNATURE_CERTIFICATE: "VC", Item.SIGNATURE_KEY: "PU",
})
"""How +USECMNG=3 names each."""

_KEYS = (Item.CLIENT_KEY, Item.SIGNATURE_KEY)


class CertificateTrouble(enum.Enum):
    """Why the certificate manager refuses; the value is the +CME ERROR number of the maker's list."""

    TIMEOUT = 1910
    SIZE = 1911
    FORMAT = 1913
    FULL = 1914
    NOT_FOUND = 1916
    KEY_FORMAT = 1918
    NAME = 50


class CertificateRefusal(Exception):
    """The certificate manager refuses."""

    def __init__(self, trouble: CertificateTrouble) -> None:
        super().__init__(trouble.name.lower())
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class Rules:
    """What the manager takes.

    ``loose_pem``: a PEM whose lines are not broken as RFC 7468 wants is taken. ``encrypted_keys``: PKCS8
    with a password is taken. The two key sizes are the guides' (LENA-R8 guide 9.1.1), in bits.
    """

    loose_pem: bool
    encrypted_keys: bool
    most: int = 16
    least_rsa_bits: int = 2048
    least_ec_bits: int = 192


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored item; ``der`` as it was converted, of which the MD5 is told."""

    item: Item
    name: str
    der: bytes

    @property
    def md5(self) -> str:
        """32 lower-case hexadecimal digits over the DER form."""
        return hashlib.md5(self.der, usedforsecurity=False).hexdigest()

    @property
    def common_name(self) -> str:
        """Common name of a certificate, "" for a key."""
        if self.item in _KEYS:
            return ""
        names = x509.load_der_x509_certificate(self.der).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(names[0].value) if names else ""

    @property
    def end_date(self) -> datetime | None:
        """End of validity of a certificate, UTC; None for a key."""
        if self.item in _KEYS:
            return None
        return x509.load_der_x509_certificate(self.der).not_valid_after_utc.astimezone(UTC)


class CertificateStore:
    """The items of one module, in one file of the host that is replaced whole."""

    __slots__ = ("_path", "_rules")

    def __init__(self, path: Path, rules: Rules) -> None:
        self._path = path
        self._rules = rules

    def entries(self) -> tuple[Entry, ...]:
        """All items by type, each type in the order of its imports."""
        return tuple(sorted(self._read(), key=lambda entry: entry.item))

    def find(self, item: Item, name: str) -> Entry | None:
        """One item, None when it is not there."""
        return next((one for one in self._read() if (one.item, one.name) == (item, name)), None)

    def get(self, item: Item, name: str) -> Entry:
        """One item; CertificateRefusal when it is not there."""
        found = self.find(item, name)
        if found is None:
            raise CertificateRefusal(CertificateTrouble.NOT_FOUND)
        return found

    def put(self, item: Item, name: str, data: bytes, password: str | None = None) -> Entry:
        """Import PEM or DER, in place of an item of that type and name; CertificateRefusal tells why not."""
        self.check_name(name)
        entry = Entry(item, name, self._convert(item, data, password))
        others = [one for one in self._read() if (one.item, one.name) != (item, name)]
        if len(others) >= self._rules.most:
            raise CertificateRefusal(CertificateTrouble.FULL)
        self._write([*others, entry])
        return entry

    def remove(self, item: Item, name: str) -> None:
        """Remove one item; CertificateRefusal when it is not there."""
        gone = self.get(item, name)
        self._write([one for one in self._read() if one != gone])

    @staticmethod
    def check_name(name: str) -> None:
        """CertificateRefusal for a name that is empty or cannot be shown in quotes."""
        if not name or '"' in name:
            raise CertificateRefusal(CertificateTrouble.NAME)

    # -- conversion ------------------------------------------------------------------------------

    def _convert(self, item: Item, data: bytes, password: str | None) -> bytes:
        if not 1 <= len(data) <= LARGEST:
            raise CertificateRefusal(CertificateTrouble.SIZE)
        label, der = self._unwrapped(data)
        if item is Item.CLIENT_KEY:
            return self._key(label, der, password)
        if password is not None:
            raise CertificateRefusal(CertificateTrouble.NAME)
        if item is Item.SIGNATURE_KEY:
            return self._public_key(der)
        return self._certificate(der)

    def _unwrapped(self, data: bytes) -> tuple[str, bytes]:
        """Label and DER of a PEM; "" and the data itself for a DER."""
        if b"-----BEGIN" not in data:
            return "", data
        found = [match for match in _PEM.finditer(data) if match[1] != b"EC PARAMETERS"]
        if len(found) != 1 or (not self._rules.loose_pem and not _well_broken(found[0][2])):
            raise CertificateRefusal(CertificateTrouble.FORMAT)
        label, body = found[0][1].decode(), found[0][2]
        if label.endswith("PRIVATE KEY") and b":" in body:
            raise CertificateRefusal(CertificateTrouble.KEY_FORMAT)  # RFC 1421 encryption
        try:
            return label, b64decode(re.sub(rb"\s", b"", body), validate=True)
        except binascii.Error:
            raise CertificateRefusal(CertificateTrouble.FORMAT) from None

    def _certificate(self, der: bytes) -> bytes:
        try:
            certificate = x509.load_der_x509_certificate(der)
            key = certificate.public_key()
        except (ValueError, UnsupportedAlgorithm):
            raise CertificateRefusal(CertificateTrouble.FORMAT) from None
        self._check_size(key, CertificateTrouble.FORMAT)
        return der

    def _public_key(self, der: bytes) -> bytes:
        try:
            key = serialization.load_der_public_key(der)
        except (ValueError, UnsupportedAlgorithm):
            raise CertificateRefusal(CertificateTrouble.FORMAT) from None
        self._check_size(key, CertificateTrouble.FORMAT)
        return der

    def _key(self, label: str, der: bytes, password: str | None) -> bytes:
        encrypted = label == "ENCRYPTED PRIVATE KEY" or (not label and _is_encrypted(der))
        if encrypted != (password is not None) or (encrypted and not self._rules.encrypted_keys):
            raise CertificateRefusal(CertificateTrouble.KEY_FORMAT)
        try:
            key = serialization.load_der_private_key(der, password.encode() if password else None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise CertificateRefusal(CertificateTrouble.KEY_FORMAT) from None
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise CertificateRefusal(CertificateTrouble.KEY_FORMAT)
        self._check_size(key, CertificateTrouble.KEY_FORMAT)
        if not encrypted:
            return der
        return key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
                                 serialization.NoEncryption())

    def _check_size(self, key: object, trouble: CertificateTrouble) -> None:
        if isinstance(key, rsa.RSAPublicKey | rsa.RSAPrivateKey):
            short = key.key_size < self._rules.least_rsa_bits
        elif isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey):
            short = key.curve.key_size < self._rules.least_ec_bits
        else:
            short = True
        if short:
            raise CertificateRefusal(trouble)

    # -- the file --------------------------------------------------------------------------------

    def _read(self) -> list[Entry]:
        try:
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            return [Entry(Item(one["item"]), str(one["name"]), b64decode(one["der"])) for one in stored]
        except (OSError, ValueError, KeyError, TypeError):
            return []  # a damaged memory is an empty one, as silicon has it

    def _write(self, entries: list[Entry]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.touch(mode=0o600)
        plain = [{"item": int(one.item), "name": one.name, "der": b64encode(one.der).decode()}
                 for one in entries]
        fresh.write_text(json.dumps(plain), encoding="utf-8")
        os.replace(fresh, self._path)


def _well_broken(body: bytes) -> bool:
    """True for lines of at most 64 characters with a line end after the header and before the tail."""
    text = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    lines = text.strip(b"\n").split(b"\n")
    return text.startswith(b"\n") and text.endswith(b"\n") and all(len(line) <= 64 for line in lines)


def _is_encrypted(der: bytes) -> bool:
    """True for an EncryptedPrivateKeyInfo (RFC 5958 3): loading it without a password asks for one."""
    try:
        serialization.load_der_private_key(der, None)
    except TypeError:
        return True
    except (ValueError, UnsupportedAlgorithm):
        return False
    return False
