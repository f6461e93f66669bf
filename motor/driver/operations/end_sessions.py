"""endSessions: a client that is closed needs its sessions no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo.read_preferences import ReadPreference

from motor._pymongo import ReadPreferenceMode
from motor.driver.operations.operation import Command, Operation, Target
from motor.driver.server_facts import ServerFacts


@dataclass(slots=True, repr=False)
class EndSessions(Operation[None]):
    """End the sessions with `ids`; no reply is wanted."""

    target: Target
    ids: Sequence[Mapping[str, Any]]

    name = "endSessions"

    @property
    def read_preference(self) -> ReadPreferenceMode:
        """Any member ends them for all."""
        return ReadPreference.PRIMARY_PREFERRED

    @property
    def acknowledged(self) -> bool:
        """The server does not reply."""
        return False

    def command(self, facts: ServerFacts) -> Command:
        """``{endSessions: [<id>, ...]}``."""
        return {"endSessions": self.ids}
