"""What pages say beside their examples: connection strings can be used, and every part of the code has its place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import trustme

import motor
from motor.motor_asyncio import AsyncIOMotorClient
from tests.docs.pages import DOCS, pages

NO_LAYERS = {"__init__", "__pycache__", "_embedded_server", "_version", "driver", "py"}


def connection_strings() -> set[str]:
    """Those that stand outside of examples, which are run."""
    text = " ".join((DOCS / page).read_text("utf-8") for page in pages() if page != "guides/troubleshooting.md")
    text = re.sub(r"(?ms)^```python\n.*?^```$", "", text)
    return set(re.findall(r"(mongodb(?:\+srv)?://[\w@:.,/?=&%+-]+)[\s`\"]", text))


@pytest.fixture
def certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that the connection strings name, where they are looked for."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    for name in "ann", "client":
        authority.issue_cert(f"{name}@example.com").private_key_and_cert_chain_pem.write_to_path(
            tmp_path / f"{name}.pem"
        )
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("certificates")
async def test_connection_strings_can_be_used() -> None:
    found = connection_strings()
    for mechanism in "MONGODB-X509", "PLAIN", "GSSAPI", "MONGODB-AWS", "MONGODB-OIDC":
        assert any(f"authMechanism={mechanism}" in uri for uri in found)
    for uri in found:
        await AsyncIOMotorClient(uri).close()


def test_every_layer_is_explained() -> None:
    text = (DOCS / "how-it-works.md").read_text("utf-8")
    explained = set(re.findall(r"\b(\w+)(?:\.py|/)`", text.partition("## Why each layer is there")[2]))
    package = Path(motor.__file__).parent
    parts = {path.stem for folder in (package, package / "driver") for path in folder.iterdir()}
    assert parts - NO_LAYERS <= explained
    assert explained <= parts - NO_LAYERS | {path.stem for path in (package / "driver" / "execution").iterdir()}
