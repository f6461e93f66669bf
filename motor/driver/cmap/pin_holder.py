"""What may keep a connection to itself behind a load balancer."""

from __future__ import annotations

from enum import Enum


class PinHolder(Enum):
    """The pool counts the connections of each; :class:`~motor.driver.cmap.pin.Pin` holds one."""

    CURSOR = "cursor"
    TRANSACTION = "transaction"
