"""A small certificate authority, made at start: what the servers of the far side are signed by."""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cellbench.io.tls.settings import Credentials

_PURPOSES = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class KeyKind(enum.Enum):
    """Keys that a certificate can be made with."""

    EC_P256 = "ec-p256"
    RSA_2048 = "rsa-2048"
    RSA_1024 = "rsa-1024"  # shorter than the modules take

    def make(self) -> PrivateKey:
        """A new key."""
        if self is KeyKind.EC_P256:
            return ec.generate_private_key(ec.SECP256R1())
        return rsa.generate_private_key(65537, 2048 if self is KeyKind.RSA_2048 else 1024)


class Authority:
    """A root certificate and the certificates that it signs."""

    def __init__(self, name: str = "Cellbench test authority", *, days: int = 3650,
                 key: PrivateKey | None = None) -> None:
        """A new root; ``days`` it is valid from yesterday on."""
        self._key = key or KeyKind.EC_P256.make()
        subject = _name(name)
        builder = _builder(subject, subject, self._key, (-1, days))
        self._certificate = (
            builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    @classmethod
    def load(cls, certificate_pem: bytes, key_pem: bytes) -> Authority:
        """An authority of the user's own; ValueError when the key is not the certificate's."""
        authority = cls.__new__(cls)
        authority._certificate = x509.load_pem_x509_certificate(certificate_pem)
        key = serialization.load_pem_private_key(key_pem, password=None)
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise ValueError("the authority's key is neither RSA nor EC")
        if key.public_key() != authority._certificate.public_key():
            raise ValueError("the key is not the one of the certificate")
        authority._key = key
        return authority

    @property
    def der(self) -> bytes:
        """The root certificate."""
        return self._certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        """The root certificate as PEM, 64 characters a line (RFC 7468)."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The root's private key; it stays in the directory of its owner."""
        return pem_key(self._key)

    def issue(self, name: str, *, also: Sequence[str] = (), days: tuple[int, int] = (-1, 825),
              kind: KeyKind = KeyKind.EC_P256, authority: bool = False) -> Credentials:
        """A certificate for a host (or a client), valid from and to so many days from now.

        ``also`` are further names and addresses; ``authority`` sets the CA flag that a module wants to see
        in a certificate which it is to trust by itself.
        """
        key = kind.make()
        certificate = (
            _builder(_name(name), self._certificate.subject, key, days)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([_general(one) for one in (name, *also)]),
                           critical=False)
            .add_extension(x509.ExtendedKeyUsage(_PURPOSES), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return Credentials(certificate.public_bytes(serialization.Encoding.DER), der_key(key))


def credentials_from_pem(certificate: bytes, key: bytes) -> Credentials:
    """Credentials from PEM files, the certificate first, its chain after it; ValueError for all else."""
    first, *chain = x509.load_pem_x509_certificates(certificate)
    loaded = serialization.load_pem_private_key(key, password=None)
    der = serialization.Encoding.DER
    return Credentials(first.public_bytes(der),
                       loaded.private_bytes(der, serialization.PrivateFormat.PKCS8,
                                            serialization.NoEncryption()),
                       tuple(one.public_bytes(der) for one in chain))


def pem_certificate(der: bytes) -> bytes:
    """A certificate as PEM."""
    return x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM)


def pem_key(key: PrivateKey) -> bytes:
    """A private key as unencrypted PEM in its traditional form (BEGIN RSA or EC PRIVATE KEY)."""
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
                             serialization.NoEncryption())


def der_key(key: PrivateKey) -> bytes:
    """A private key as unencrypted PKCS8."""
    return key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


def _builder(subject: x509.Name, issuer: x509.Name, key: PrivateKey,
             days: tuple[int, int]) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _general(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(digital_signature=True, key_cert_sign=signs, crl_sign=signs,
                         content_commitment=False, key_encipherment=False, data_encipherment=False,
                         key_agreement=False, encipher_only=False, decipher_only=False)
