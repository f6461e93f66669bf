"""The server's side of the mechanisms that are not SCRAM."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from typing import Any

import bson

from tests.auth.server import Conversation, RefusedError

_STS = "sts.eu-central-1.amazonaws.com"
_STS_BODY = "Action=GetCallerIdentity&Version=2011-06-15"


class Plain:
    """PLAIN (RFC 4616), for one user of one database."""

    def __init__(self, user: str, password: str, database: str = "$external") -> None:
        self._expected = database, f"\0{user}\0{password}".encode()

    def __call__(self, start: dict[str, Any]) -> Conversation:
        """A conversation of one message."""
        if (start["$db"], bytes(start["payload"])) != self._expected:
            raise RefusedError
        yield {"payload": b"", "done": True}


class X509:
    """MONGODB-X509: the certificate has been seen by TLS; its subject, if the client names it, has to be this one."""

    def __init__(self, subject: str) -> None:
        self._subject = subject

    def __call__(self, start: dict[str, Any]) -> Conversation:
        """A conversation of one message."""
        if start["$db"] not in (None, "$external") or start.get("user", self._subject) != self._subject:
            raise RefusedError
        yield {"dbname": "$external", "user": self._subject}


class Oidc:
    """MONGODB-OIDC: lets in who shows one of the `valid` tokens; `shown` are those that were tried.

    Asked for it by `principal`, it names the identity provider of which to get one.
    """

    def __init__(self, *valid: str, principal: str | None = None) -> None:
        self.valid = set(valid)
        self.shown: list[str] = []
        self._principal = principal

    def __call__(self, start: dict[str, Any]) -> Conversation:
        """A conversation of one message, or of two for a client that has no token yet."""
        step = bson.decode(start["payload"])
        if "jwt" not in step:
            if step != ({} if self._principal is None else {"n": self._principal}):
                raise RefusedError
            provider = {"issuer": "https://issuer.test", "clientId": "app", "requestScopes": ["read"]}
            step = bson.decode((yield {"payload": bson.encode(provider), "done": False}))
        self.shown.append(step["jwt"])
        if step["jwt"] not in self.valid:
            raise RefusedError
        yield {"payload": b"", "done": True}


class Aws:
    """MONGODB-AWS: checks the signature of the request that the client would have the server send to Amazon's STS."""

    def __init__(self, key_id: str, secret: str, token: str | None = None) -> None:
        self._key_id = key_id
        self._secret = secret
        self._token = token

    def __call__(self, start: dict[str, Any]) -> Conversation:
        """A conversation of two messages."""
        first = bson.decode(start["payload"])
        assert len(first["r"]) == 32
        assert first["p"] == ord("n")
        nonce = first["r"] + os.urandom(32)
        final = bson.decode((yield {"payload": bson.encode({"s": nonce, "h": _STS}), "done": False}))
        if final.get("t") != self._token or not hmac.compare_digest(final["a"], self._authorization(final, nonce)):
            raise RefusedError
        yield {"payload": b"", "done": True}

    def _authorization(self, final: dict[str, Any], nonce: bytes) -> str:
        """What a request signed with the right key has in its header: Amazon's Signature Version 4."""
        headers = {
            "content-length": str(len(_STS_BODY)),
            "content-type": "application/x-www-form-urlencoded",
            "host": _STS,
            "x-amz-date": final["d"],
            "x-mongodb-gs2-cb-flag": "n",
            "x-mongodb-server-nonce": base64.b64encode(nonce).decode(),
        }
        if self._token is not None:
            headers["x-amz-security-token"] = self._token
        names = ";".join(sorted(headers))
        lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(_STS_BODY.encode()).hexdigest()}"
        scope = f"{final['d'][:8]}/eu-central-1/sts/aws4_request"
        digest = hashlib.sha256(request.encode()).hexdigest()
        key = f"AWS4{self._secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, f"AWS4-HMAC-SHA256\n{final['d']}\n{scope}\n{digest}".encode(), "sha256").hex()
        assert re.fullmatch(r"\d{8}T\d{6}Z", final["d"])
        return f"AWS4-HMAC-SHA256 Credential={self._key_id}/{scope}, SignedHeaders={names}, Signature={signature}"


class Gssapi:
    """GSSAPI for one principal: what Kerberos itself would say is said by :class:`StubbedKerberos`."""

    def __init__(self, principal: str) -> None:
        self._principal = principal

    def __call__(self, start: dict[str, Any]) -> Conversation:
        """A conversation of three messages."""
        assert _plain(start["payload"]) == "ticket"
        assert _plain((yield {"payload": _encoded("mutual"), "done": False})) == ""
        wrapped = _plain((yield {"payload": _encoded("layers"), "done": False}))
        if wrapped != f"layers for {self._principal}":
            raise RefusedError
        yield {"payload": "", "done": True}


class StubbedKerberos:
    """The functions of the package kerberos that PyMongo calls, for a user who has a ticket."""

    AUTH_GSS_COMPLETE = 1
    GSS_C_MUTUAL_FLAG = 2

    class KrbError(Exception):
        """What the package raises."""

    def __init__(self, has_ticket: bool = True) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.cleaned = 0
        self._has_ticket = has_ticket

    def authGSSClientInit(self, service: str, **options: Any) -> tuple[int, dict[str, str]]:
        """Begin."""
        self.asked.append((service, options))
        if not self._has_ticket:
            raise self.KrbError(("No credentials were supplied", 851968))
        return 1, {}

    def authGSSClientStep(self, context: dict[str, str], challenge: str) -> int:
        """The first step makes the ticket, the second checks what the server says to it."""
        if not challenge:
            context["response"] = _encoded("ticket")
            return 0
        assert _plain(challenge) == "mutual"
        context["response"] = ""
        return 1

    def authGSSClientResponse(self, context: dict[str, str]) -> str:
        """What to send."""
        return context["response"]

    def authGSSClientUnwrap(self, context: dict[str, str], challenge: str) -> int:
        """Take the wrapping off what the server sent."""
        context["response"] = challenge
        return 1

    def authGSSClientWrap(self, context: dict[str, str], data: str, user: str) -> int:
        """Wrap what the client wants."""
        context["response"] = _encoded(f"{_plain(data)} for {user}")
        return 1

    def authGSSClientClean(self, context: dict[str, str]) -> int:
        """End."""
        self.cleaned += 1
        return 1


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _plain(payload: str) -> str:
    return base64.b64decode(payload).decode()
