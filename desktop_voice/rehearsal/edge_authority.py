"""The edge's certificates: an authority for one run, and good and bad certificates below it."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CertificateKind = Literal["good", "expired", "wrong_name", "untrusted"]

_AUTHORITY_NAME = x509.Name(
    [x509.NameAttribute(NameOID.COMMON_NAME, "Desktop Voice rehearsal authority")]
)
_HOST_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Desktop Voice rehearsal edge")])
_ANOTHER_HOST = "another.example.com"
_LIFE = timedelta(days=7)
_SINCE = timedelta(hours=1)


class EdgeAuthority:
    """Signs certificates for host names on demand; its own key never leaves the memory.

    Args:
        folder: A private folder, where a host's key is for as long as OpenSSL reads it.

    Attributes:
        path: The PEM file with the authority's certificate, which clients are to believe.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._host_key = ec.generate_private_key(ec.SECP256R1())
        self._contexts: dict[tuple[str, CertificateKind], ssl.SSLContext] = {}
        self.path = folder / "authority.pem"
        self.path.write_bytes(self._own_certificate().public_bytes(serialization.Encoding.PEM))

    def context(self, host: str, kind: CertificateKind = "good") -> ssl.SSLContext:
        """Return a server's TLS context that presents a certificate of this kind for ``host``.

        ``expired`` ended yesterday, ``wrong_name`` is for another host, ``untrusted`` is signed by
        itself. Contexts are kept.

        Raises:
            ValueError: ``host`` is no ASCII host name.
        """
        if (context := self._contexts.get((host, kind))) is None:
            context = self._new_context(host, kind)
            self._contexts[host, kind] = context
        return context

    def _new_context(self, host: str, kind: CertificateKind) -> ssl.SSLContext:
        key = self._host_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        certificate = self._certificate(host, kind).public_bytes(serialization.Encoding.PEM)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        # Not deleted on close: on Windows nobody else can open it before that.
        with NamedTemporaryFile(dir=self._folder, suffix=".pem", delete=False) as file:
            file.write(key + certificate)
        try:
            context.load_cert_chain(file.name)
        finally:
            Path(file.name).unlink()
        return context

    def _certificate(self, host: str, kind: CertificateKind) -> x509.Certificate:
        trusted = kind != "untrusted"
        now = datetime.now(UTC)
        until = now - timedelta(days=1) if kind == "expired" else now + _LIFE
        public_key = self._host_key.public_key()
        signer = self._key if trusted else self._host_key
        name = _ANOTHER_HOST if kind == "wrong_name" else host
        return (
            x509.CertificateBuilder()
            .subject_name(_HOST_NAME)
            .issuer_name(_AUTHORITY_NAME if trusted else _HOST_NAME)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(until - _LIFE - _SINCE)
            .not_valid_after(until)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
                critical=False,
            )
            .sign(signer, hashes.SHA256())
        )

    def _own_certificate(self) -> x509.Certificate:
        now = datetime.now(UTC)
        public_key = self._key.public_key()
        return (
            x509.CertificateBuilder()
            .subject_name(_AUTHORITY_NAME)
            .issuer_name(_AUTHORITY_NAME)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 2 * _LIFE)
            .not_valid_after(now + 2 * _LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .sign(self._key, hashes.SHA256())
        )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
