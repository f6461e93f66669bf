"""A DNS server on loopback, that answers from a table over UDP and TCP, and fails as told."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import cast

import dns.asyncresolver
import dns.flags
import dns.message
import dns.name
import dns.nameserver
import dns.rcode
import dns.rdatatype
import dns.rrset

from tests.support.listening import Connections

HOST = "127.0.0.1"
_MAX_UDP = 512

Records = Mapping[tuple[str, str], Iterable[str]]
"""What is served: by name and type, the records as a zone file has them."""


class DNSServer:
    """Serves `records`, which may be replaced at any time.

    With `rcode` set, every query is answered with that error; with `silent`, none is answered.
    """

    def __init__(self, records: Records, ttl: int = 86400) -> None:
        self.records = records
        self.ttl = ttl
        self.rcode = dns.rcode.NOERROR
        self.silent = False
        self.queries: list[str] = []
        self.tcp_queries = 0
        self.port = 0
        self._connections = Connections(self._serve_tcp)
        self._tcp: asyncio.Server | None = None
        self._udp: asyncio.DatagramTransport | None = None

    def resolver(self) -> dns.asyncresolver.Resolver:
        """A resolver that asks this server and nobody else."""
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers = [dns.nameserver.Do53Nameserver(HOST, self.port)]
        return resolver

    async def __aenter__(self) -> DNSServer:
        loop = asyncio.get_running_loop()
        while self._udp is None:
            self._tcp = await asyncio.start_server(self._connections.accept, HOST, 0)
            self.port = self._tcp.sockets[0].getsockname()[1]
            try:
                self._udp, _ = await loop.create_datagram_endpoint(
                    lambda: _Datagrams(self), local_addr=(HOST, self.port)
                )
            except OSError:
                # The port that was free for TCP is taken for UDP.
                self._tcp.close()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            # Its last turn of the loop is the one in which a closed datagram transport closes its socket.
            await self._connections.end(self._tcp)

    def reply(self, wire: bytes) -> dns.message.Message | None:
        """The answer to a query; ``None`` if it gets none."""
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name, kind = question.name, dns.rdatatype.to_text(question.rdtype)
        self.queries.append(f"{name.to_text(omit_final_dot=True)} {kind}")
        if self.silent:
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        response.set_rcode(self.rcode)
        if self.rcode == dns.rcode.NOERROR:
            self._answer(response, name, kind)
        return response

    def _answer(self, response: dns.message.Message, name: dns.name.Name, kind: str) -> None:
        key = name.to_text(omit_final_dot=True).lower()
        texts = list(self.records.get((key, kind), ()))
        if texts:
            response.answer.append(dns.rrset.from_text_list(name, self.ttl, "IN", kind, texts))
        elif not any(known == key for known, _ in self.records):
            response.set_rcode(dns.rcode.NXDOMAIN)

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            self.tcp_queries += 1
            response = self.reply(await reader.readexactly(length))
            if response is not None:
                wire = response.to_wire()
                writer.write(struct.pack("!H", len(wire)) + wire)
                await writer.drain()
        finally:
            writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DNSServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        response = self._server.reply(data)
        if response is None or self._transport is None:
            return
        wire = response.to_wire()
        if len(wire) > _MAX_UDP:
            response.answer.clear()
            response.flags |= dns.flags.TC
            wire = response.to_wire()
        self._transport.sendto(wire, address)
