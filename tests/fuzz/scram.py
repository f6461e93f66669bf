"""The server's side of SCRAM (RFC 5802), as far as an honest server of these tests needs it, and of its neighbours."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
from typing import Any

USER, PASSWORD = "ann", "secret"
SALTS = {"sha1": b"sixteen bytes of", "sha256": b"and some twenty-eight bytes"}
ITERATIONS = 4096
SERVER_NONCE = b"and-the-servers"
DIGESTS = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256"}


@functools.lru_cache(maxsize=4)
def _server_key(digest: str) -> bytes:
    password = PASSWORD.encode()
    if digest == "sha1":
        password = hashlib.md5(f"{USER}:mongo:{PASSWORD}".encode()).hexdigest().encode()
    salted = hashlib.pbkdf2_hmac(digest, password, SALTS[digest], ITERATIONS)
    return hmac.digest(salted, b"Server Key", digest)


class Conversation:
    """What one connection's server remembers of an authentication. It believes whatever proof it is shown."""

    def __init__(self) -> None:
        self._mechanism = ""
        self._client_first = self._server_first = b""

    def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        """The reply to an authentication's command."""
        if "saslStart" in command:
            return self.start(command)
        if "saslContinue" not in command or not command["payload"]:
            return {"conversationId": 1, "payload": b"", "done": True, "ok": 1}
        final: bytes = command["payload"]
        digest = DIGESTS[self._mechanism]
        message = b",".join((self._client_first, self._server_first, final[: final.index(b",p=")]))
        signature = base64.b64encode(hmac.digest(_server_key(digest), message, digest))
        return {"conversationId": 1, "payload": b"v=" + signature, "done": False, "ok": 1}

    def start(self, command: dict[str, Any]) -> dict[str, Any]:
        """The reply to the first step, which may have come with the handshake."""
        self._mechanism = command.get("mechanism", "MONGODB-X509")
        if self._mechanism not in DIGESTS:
            return {"conversationId": 1, "payload": b"", "done": True, "ok": 1}
        self._client_first = command["payload"][3:]
        nonce = self._client_first.partition(b",r=")[2]
        salt = base64.b64encode(SALTS[DIGESTS[self._mechanism]])
        self._server_first = b"r=%s%s,s=%s,i=%d" % (nonce, SERVER_NONCE, salt, ITERATIONS)
        return {"conversationId": 1, "payload": self._server_first, "done": False, "ok": 1}
