"""Certificates, made when the tests run: good ones, and each kind of bad one."""

from __future__ import annotations

import datetime
import ssl
import warnings
from pathlib import Path
from urllib.parse import quote_plus

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

PASSPHRASE = "tiger, tiger"

_DAY = datetime.timedelta(days=1)


class Certificates:
    """A certificate authority, what it has issued, and another authority that nobody trusts; its files are in `folder`.

    `revoking` is a list that revokes the certificate `revoked`, and no other.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        now = datetime.datetime.now(datetime.timezone.utc)
        authority, stranger = trustme.CA(), trustme.CA()
        self.good = authority.issue_cert("127.0.0.1", "localhost", "db.example.com")
        self.revoked = authority.issue_cert("127.0.0.1", "localhost")
        self.expired = authority.issue_cert("127.0.0.1", not_before=now - 9 * _DAY, not_after=now - 8 * _DAY)
        self.premature = authority.issue_cert("127.0.0.1", not_before=now + 8 * _DAY, not_after=now + 9 * _DAY)
        self.of_another_host = authority.issue_cert("other.example.com")
        self.of_a_stranger = stranger.issue_cert("127.0.0.1", "localhost")
        client = authority.issue_cert("client@example.com")
        impostor = stranger.issue_cert("client@example.com")
        self.authority = self._write("authority", authority.cert_pem.bytes())
        self.certificate = self._write("certificate", *(pem.bytes() for pem in self.good.cert_chain_pems))
        self.key = self._write("key", self.good.private_key_pem.bytes())
        self.client = self._write("client", client.private_key_and_cert_chain_pem.bytes())
        self.impostor = self._write("impostor", impostor.private_key_and_cert_chain_pem.bytes())
        self.mismatched = self._write("mismatched", impostor.private_key_pem.bytes(), client.cert_chain_pems[0].bytes())
        self.keyless = self._write("keyless", client.cert_chain_pems[0].bytes())
        secret = load_pem_private_key(client.private_key_pem.bytes(), None)
        encrypted = secret.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE.encode())
        )
        self.encrypted = self._write("encrypted", encrypted, client.cert_chain_pems[0].bytes())
        self.garbage = self._write("garbage", b"no certificate at all\n")
        self.revoking = self._write("revoking", _revocations(authority, self.revoked, now))

    def _write(self, name: str, *parts: bytes) -> str:
        path = self.folder / f"{name}.pem"
        path.write_bytes(b"".join(parts))
        return str(path)

    def options(self, **names: str) -> str:
        """URI options that trust the authority, and `names` more."""
        options = {"tls": "true", "tlsCAFile": self.authority, **names}
        return "&".join(f"{name}={quote_plus(value)}" for name, value in options.items())

    def context(self, certificate: trustme.LeafCert, *, wants_client: bool = False) -> ssl.SSLContext:
        """What a server with that certificate uses."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        if wants_client:
            context.load_verify_locations(self.authority)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def outdated_context(self) -> ssl.SSLContext:
        """What a server uses that speaks nothing newer than TLS 1.1."""
        return _outdated(self.context(self.good))

    def outdated_client_context(self) -> ssl.SSLContext:
        """What a client uses that speaks nothing newer either."""
        return _outdated(ssl.create_default_context(cafile=self.authority))


def _outdated(context: ssl.SSLContext) -> ssl.SSLContext:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def _revocations(authority: trustme.CA, revoked: trustme.LeafCert, now: datetime.datetime) -> bytes:
    issuer = x509.load_pem_x509_certificate(authority.cert_pem.bytes())
    certificate = x509.load_pem_x509_certificate(revoked.cert_chain_pems[0].bytes())
    entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number).revocation_date(now).build()
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.subject)
    builder = builder.last_update(now - _DAY).next_update(now + _DAY).add_revoked_certificate(entry)
    key = load_pem_private_key(authority.private_key_pem.bytes(), None)
    revocations = builder.sign(key, hashes.SHA256())  # type: ignore[arg-type]
    return revocations.public_bytes(Encoding.PEM)
