"""Sockets that no connection has yet: they are being connected, or handed over to the event loop."""

from __future__ import annotations

import socket

from motor.driver.cmap.socket_end import close_socket_without_loop, leave_to_parent
from motor.driver.owner import Owner


class OpeningSockets:
    """Has the owner of a topology hold the sockets of one opening for as long as the ``with`` block takes.

    The owner's tasks open them, and close them in the loop's next turn when they are cancelled. What is done here is
    what those tasks cannot do, because there is no such turn.
    """

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self._sockets: set[socket.socket] = set()

    def __enter__(self) -> OpeningSockets:
        self.owner.adopt(self)
        return self

    def __exit__(self, *_: object) -> None:
        self.owner.let_go(self)

    def add(self, sock: socket.socket) -> None:
        """Hold another one."""
        self._sockets.add(sock)

    def close(self) -> None:
        """Leave it to the tasks, which are cancelled when the loop has another turn."""

    def drop(self) -> None:
        """Close the sockets, although the loop does not run."""
        for sock in self._sockets:
            if sock.fileno() >= 0:
                close_socket_without_loop(sock, self.owner.loop)

    def disown(self) -> None:
        """Do without the sockets: they are those of the process that this one was forked from."""
        for sock in self._sockets:
            leave_to_parent(sock.fileno())
