"""How a server that a test runs in its own event loop stops listening."""

import asyncio


async def close(server: asyncio.AbstractServer) -> None:
    """Let nobody in any more.

    Who has just been let in gets a transport first: of a server that is closed by then, asyncio would leave its socket
    open (``Server._attach`` fails, and nobody has the transport that it was called by).
    """
    if isinstance(server, asyncio.Server):
        for listening in server.sockets:
            asyncio.get_running_loop().remove_reader(listening.fileno())
    for _ in range(5):
        await asyncio.sleep(0)
    server.close()
