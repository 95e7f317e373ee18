"""Security profiles of the module: what +USECPRF sets, and what a connection then offers and checks.

LENA-R8 guide 9.1.2, Table 23; LARA-R6 guide 3.2, 3.4; facts sheet internet 6. They live from boot to
power-off (LARA-R6 guide 3.4; a setting of the virtual module for the rest).
"""

from __future__ import annotations

import base64
import binascii
import enum
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cellbench.io.tls.sessions import Session, parse_session, session_from_id
from cellbench.io.tls.settings import Check, ClientSettings, Credentials, Pin, PinLevel, Psk, Version
from cellbench.virtual.device.certificates import Item
from cellbench.virtual.device.certificates_at import certificate_store

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module

PROFILES = 5
LEGACY_SUITES: Mapping[int, int] = MappingProxyType(dict(zip(range(1, 34), (
    0x002F, 0x003C, 0x0035, 0x003D, 0x000A, 0x008C, 0x008D, 0x008B, 0x0094, 0x0095, 0x0093, 0x00AE, 0x00AF,
    0x00B6, 0x00B7, 0x00A8, 0x00A9, 0x00AC, 0x00AD, 0xC008, 0xC009, 0xC00A, 0xC012, 0xC013, 0xC014, 0xC023,
    0xC024, 0xC027, 0xC028, 0xC02B, 0xC02C, 0xC02F, 0xC030), strict=True)))
"""IANA number of each legacy number of operation 2 (facts sheet internet 6.1)."""

_VERSIONS = {1: Version.TLS_1_0, 2: Version.TLS_1_1, 3: Version.TLS_1_2, 4: Version.TLS_1_3}
_DIGEST = 4
_NONCE = 12
_GUESSED_SUITE = 0xC02F  # replaced by what the server's hello says


class Kind(enum.IntEnum):
    """Types of session resumption, operation 13,1 (LARA-R6 guide 3.4.4)."""

    ID = 0
    TICKET = 1
    PSK_TICKET = 3
    ID_LOCAL = 10
    TICKET_LOCAL = 11
    PSK_TICKET_LOCAL = 13

    @property
    def tag(self) -> int:
        """Number of its data in operation 13."""
        return self + 2

    @property
    def local(self) -> bool:
        """True when the data is encrypted with a key that never leaves the module."""
        return self >= Kind.ID_LOCAL

    @property
    def by_id(self) -> bool:
        """True for session ids, which come by URC."""
        return self in (Kind.ID, Kind.ID_LOCAL)


@dataclass(slots=True)
class Resumption:
    """Operation 13 of one profile; ``texts`` are the fields that the host set, or that were obtained."""

    enabled: bool = False
    kind: Kind | None = None
    texts: tuple[str, ...] = ()


@dataclass(slots=True)
class Profile:
    """One security profile; every field is an operation of +USECPRF."""

    check: Check
    version: int = 0
    suite: tuple[str, ...] = ("0",)
    listed: list[int] = field(default_factory=list)
    root: str = ""
    host: str = ""
    certificate: str = ""
    key: str = ""
    password: str = ""
    psk: bytes = b""
    identity: bytes = b""
    sni: str = ""
    root_of_trust: bool = False
    pin: tuple[str, int] = ("", 0)
    resumption: Resumption = field(default_factory=Resumption)

    def suites(self) -> tuple[int, ...]:
        """IANA numbers to be offered, empty for all."""
        if self.suite[0] == "99":
            return (int(self.suite[1], 16),)
        if self.suite[0] == "100":
            return tuple(self.listed)
        number = int(self.suite[0])
        return (LEGACY_SUITES[number],) if number else ()


class SecurityProfiles:
    """The profiles of one boot (a subsystem)."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._profiles = {number: self._factory() for number in range(PROFILES)}

    def __getitem__(self, number: int) -> Profile:
        return self._profiles[number]

    def reset(self, number: int) -> None:
        """Back to the factory values."""
        self._profiles[number] = self._factory()

    def power_off(self) -> None:
        """Nothing to end; the profiles go with this object."""

    def _factory(self) -> Profile:
        return Profile(check=Check(self._module.config.behaviour.usecprf_check))

    # -- a connection ----------------------------------------------------------------------------

    def client_settings(self, number: int | None, *, datagram: bool) -> ClientSettings:
        """What a connection offers and checks; ``number`` None: the fixed profile of a client without one."""
        profile = self._profiles[number] if number is not None else Profile(Check.NONE)
        facts = self._module.config.behaviour
        exact = facts.tls_version_exact and profile.version
        wanted = _VERSIONS.get(profile.version)
        datagram_version = Version.DTLS_1_2 if profile.version >= 3 else None
        resumption = profile.resumption
        return ClientSettings(
            datagram=datagram,
            minimum=datagram_version if datagram else wanted,
            maximum=None if datagram else (wanted if exact else self._newest()),
            suites=profile.suites(),
            check=profile.check,
            roots=self._roots(profile.root),
            host=profile.host,
            sni=profile.sni,
            credentials=self._credentials(profile),
            psk=Psk(profile.identity, profile.psk) if profile.psk else None,
            pin=self._pin(profile),
            session=self.session_of(profile, datagram=datagram),
            tickets=not (resumption.enabled and resumption.kind is not None and resumption.kind.by_id),
            least_rsa_bits=2048,
            least_ec_bits=192,
            flagged_roots=facts.root_needs_ca_flag,
            now=self._module.radio.rtc.utc(),
        )

    def _newest(self) -> Version:
        return Version.TLS_1_3 if self._module.config.behaviour.tls13 else Version.TLS_1_2

    def _roots(self, name: str) -> tuple[bytes, ...]:
        store = certificate_store(self._module)
        if name:
            found = store.find(Item.CA, name)
            return (found.der,) if found is not None else ()
        return tuple(entry.der for entry in store.entries() if entry.item is Item.CA)

    def _credentials(self, profile: Profile) -> Credentials | None:
        if not profile.certificate or not profile.key:
            return None
        store = certificate_store(self._module)
        certificate = store.find(Item.CLIENT_CERTIFICATE, profile.certificate)
        key = store.find(Item.CLIENT_KEY, profile.key)
        if certificate is None or key is None:
            return None
        return Credentials(certificate.der, key.der)

    def _pin(self, profile: Profile) -> Pin | None:
        name, level = profile.pin
        if not name:
            return None
        found = certificate_store(self._module).find(Item.SERVER_CERTIFICATE, name)
        # a certificate that is not there can be met by no server
        return Pin(found.der if found is not None else b"", PinLevel(level))

    # -- resumption ------------------------------------------------------------------------------

    def session_of(self, profile: Profile, *, datagram: bool) -> Session | None:
        """The session that the host set; None where there is none or where it was altered."""
        resumption = profile.resumption
        if not resumption.enabled or resumption.kind is None or not resumption.texts:
            return None
        try:
            if resumption.kind is Kind.ID:
                return session_from_id(*(_unbase(text) for text in resumption.texts[:2]), datagram=datagram,
                                       suite=_GUESSED_SUITE)
            plain = _unbase(resumption.texts[0])
            if resumption.kind.local:
                plain = self._opened(plain)
            return parse_session(_unsealed(plain))
        except (ValueError, InvalidTag):
            return None

    def texts_of(self, kind: Kind, session: Session) -> tuple[str, ...] | None:
        """The fields that the host is given for a session; None when this session is of another type."""
        if kind.by_id:
            if not session.session_id or session.ticket or session.version == Version.TLS_1_3.value:
                return None
            if kind is Kind.ID:
                return _base(session.session_id), _base(session.master_secret)
        elif not session.ticket or (session.version == Version.TLS_1_3.value) is not (
                kind in (Kind.PSK_TICKET, Kind.PSK_TICKET_LOCAL)):
            return None
        plain = _sealed(session.compact().der)
        text = _base(self._closed(plain) if kind.local else plain)
        return text, str(len(text))

    def _closed(self, plain: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + AESGCM(self._local_key()).encrypt(nonce, plain, None)

    def _opened(self, data: bytes) -> bytes:
        return AESGCM(self._local_key()).decrypt(data[:_NONCE], data[_NONCE:], None)

    def _local_key(self) -> bytes:
        """The key of "local encryption": made once, in NVM, read by nobody."""
        known = self._module.settings.text("local key")
        if not known:
            known = os.urandom(16).hex()
            self._module.settings.store("local key", known)
        return bytes.fromhex(known)


def _base(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _unbase(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error


def _sealed(data: bytes) -> bytes:
    """With a check sum, so that altered data means a full handshake and never a broken one."""
    return hashlib.sha256(data).digest()[:_DIGEST] + data


def _unsealed(data: bytes) -> bytes:
    if hashlib.sha256(data[_DIGEST:]).digest()[:_DIGEST] != data[:_DIGEST]:
        raise ValueError("the check sum does not fit")
    return data[_DIGEST:]
