"""A line between a browser and a web server, that can be cut, or go dead without a word."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.examples.programs import PATIENCE
from tests.support.listening import Connections


class Line:
    """Passes on what both ends say; `asked` is all that the browser has said. A new connection finds a working line."""

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.asked = b""
        self.connections = Connections(self._connect)
        self._target_port = target_port
        self._writers: set[asyncio.StreamWriter] = set()
        self._deaf: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Every connection breaks, wherever it is."""
        for writer in self._writers:
            writer.transport.abort()

    async def wait_until_asked(self, what: bytes, times: int = 1) -> None:
        """Wait until the browser has said it so often."""
        await asyncio.wait_for(self._until_asked(what, times), PATIENCE)

    def go_dead(self) -> None:
        """Nothing gets through any more on the connections there are, and nobody is told."""
        self._deaf |= self._writers

    async def _until_asked(self, what: bytes, times: int) -> None:
        while self.asked.count(what) < times:  # noqa: ASYNC110  # now and then is enough
            await asyncio.sleep(0.02)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await self.connections.open("127.0.0.1", self._target_port)
        except ConnectionError:
            writer.transport.abort()
            return
        self._writers |= {writer, back}
        await asyncio.gather(self._pass_on(reader, back, True), self._pass_on(there, writer, False))
        self._writers -= {writer, back}
        self._deaf -= {writer, back}

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asks: bool) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                if asks:
                    self.asked += data
                if writer not in self._deaf:
                    writer.write(data)
                    await writer.drain()
        writer.close()


@asynccontextmanager
async def line_to(port: int) -> AsyncIterator[Line]:
    """A line to that port of this machine."""
    line = Line(port)
    server = await asyncio.start_server(line.connections.accept, "127.0.0.1", 0)
    line.port = server.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        await line.connections.end(server)
