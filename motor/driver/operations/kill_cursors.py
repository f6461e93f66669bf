"""killCursors: tell a server that nobody reads a cursor any more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bson.codec_options import DEFAULT_CODEC_OPTIONS, CodecOptions

from motor.driver.operations.operation import Command, Operation, Target
from motor.driver.server_facts import ServerFacts


@dataclass(slots=True, repr=False)
class KillCursors(Operation[None]):
    """Close the cursors with `cursor_ids` on the server that holds them."""

    target: Target
    cursor_ids: list[int]

    name = "killCursors"
    continues = True

    @property
    def reply_codec(self) -> CodecOptions[Any]:
        """Plain: nothing in the reply is the user's."""
        return DEFAULT_CODEC_OPTIONS

    def command(self, facts: ServerFacts) -> Command:
        """``{killCursors: <collection>, cursors: [<id>]}``."""
        return {"killCursors": self.target.collection, "cursors": self.cursor_ids}

    def result(self, reply: dict[str, Any]) -> None:
        """Nothing: a cursor that is not there any more is as dead as one that was killed."""
