"""The server's side of SCRAM, written from RFC 5802: it stores no password, and checks the client's proof."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import stringprep
import unicodedata
from collections.abc import Mapping
from typing import Any

from tests.auth.server import Conversation, RefusedError


class Scram:
    """One of SCRAM-SHA-1 and SCRAM-SHA-256, for users by ``database.name`` with their passwords."""

    def __init__(self, digest: str, users: Mapping[str, str], iterations: int = 4096) -> None:
        self._digest = digest
        self._iterations = iterations
        self._secrets = {user: self._stored(user, password) for user, password in users.items()}
        self.nonces: list[bytes] = []

    def __call__(self, start: dict[str, Any]) -> Conversation:
        """A conversation. Raises RefusedError for who is not known, or does not know the password."""
        header, bare = bytes(start["payload"])[:3], bytes(start["payload"])[3:]
        assert header == b"n,,"
        name, nonce = (item[2:] for item in bare.split(b","))
        user = f"{start['$db']}.{name.replace(b'=2C', b',').replace(b'=3D', b'=').decode()}"
        if user not in self._secrets:
            raise RefusedError
        salt, stored_key, server_key = self._secrets[user]
        both = nonce + base64.b64encode(os.urandom(18))
        self.nonces.append(both)
        challenge = b"r=%s,s=%s,i=%d" % (both, base64.b64encode(salt), self._iterations)
        final = bytes((yield {"payload": challenge, "done": False}))
        unproved, _, proof = final.rpartition(b",p=")
        if unproved != b"c=biws,r=" + both:
            raise RefusedError
        signed = b",".join((bare, challenge, unproved))
        key = _xor(base64.b64decode(proof), self._hmac(stored_key, signed))
        if hashlib.new(self._digest, key).digest() != stored_key:
            raise RefusedError
        proved = b"v=" + base64.b64encode(self._hmac(server_key, signed))
        if start.get("options", {}).get("skipEmptyExchange"):
            yield {"payload": proved, "done": True}
            return
        assert (yield {"payload": proved, "done": False}) == b""
        yield {"payload": b"", "done": True}

    def _stored(self, user: str, password: str) -> tuple[bytes, bytes, bytes]:
        salt = os.urandom(16)
        secret = _prepared(password)
        if self._digest == "sha1":
            secret = hashlib.md5(f"{user.partition('.')[2]}:mongo:{password}".encode()).hexdigest()
        salted = hashlib.pbkdf2_hmac(self._digest, secret.encode(), salt, self._iterations)
        client_key = self._hmac(salted, b"Client Key")
        return salt, hashlib.new(self._digest, client_key).digest(), self._hmac(salted, b"Server Key")

    def _hmac(self, key: bytes, data: bytes) -> bytes:
        return hmac.digest(key, data, self._digest)


def _prepared(password: str) -> str:
    """What SASLprep (RFC 4013) makes of a password of which nothing is prohibited."""
    mapped = (" " if stringprep.in_table_c12(c) else c for c in password if not stringprep.in_table_b1(c))
    return unicodedata.normalize("NFKC", "".join(mapped))


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
