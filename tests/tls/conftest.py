"""A TLS server, certificates, and clients that connect to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import motor.embedded
from tests.support.certificates import Certificates


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates, good and bad, for all tests."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


def _arguments(certificates: Certificates) -> list[str]:
    return [
        *("--enable-test-commands", "--tls-cert-file", certificates.certificate, "--tls-key-file", certificates.key),
        *("--tls-ca-file", certificates.authority),
    ]


@pytest.fixture(scope="session")
def port(certificates: Certificates) -> Iterator[int]:
    """Where a server listens that speaks TLS, and asks for a client's certificate but does not insist."""
    with motor.embedded.Server(arguments=_arguments(certificates)) as server:
        yield server.port


@pytest.fixture(scope="session")
def strict_port(certificates: Certificates) -> Iterator[int]:
    """Where a server listens that insists on a client's certificate."""
    with motor.embedded.Server(arguments=[*_arguments(certificates), "--tls-require-client-cert"]) as server:
        yield server.port
