"""How a server that a test runs in its own event loop stops listening."""

import asyncio


def refuse(server: asyncio.AbstractServer) -> None:
    """Accept nobody from now on; :func:`close` has to follow."""
    if isinstance(server, asyncio.Server):
        for listening in server.sockets:
            asyncio.get_running_loop().remove_reader(listening.fileno())


async def close(server: asyncio.AbstractServer) -> None:
    """Let nobody in any more.

    Who has just been let in gets a transport first: of a server that is closed by then, asyncio would leave its socket
    open (``Server._attach`` fails, and nobody has the transport that it was called by).
    """
    refuse(server)
    for _ in range(5):
        await asyncio.sleep(0)
    server.close()
