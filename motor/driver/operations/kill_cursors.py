"""killCursors: tell a server that nobody reads a cursor any more."""

from __future__ import annotations

from dataclasses import dataclass

from motor.driver.operations.operation import Command, Operation, Target
from motor.driver.operations.reply import Reply
from motor.driver.server_facts import ServerFacts


@dataclass(slots=True, repr=False)
class KillCursors(Operation[None]):
    """Close the cursors with `cursor_ids` on the server that holds them."""

    target: Target
    cursor_ids: list[int]

    name = "killCursors"
    continues = True

    def command(self, facts: ServerFacts) -> Command:
        """``{killCursors: <collection>, cursors: [<id>]}``."""
        return {"killCursors": self.target.collection, "cursors": self.cursor_ids}

    def result(self, reply: Reply) -> None:
        """A cursor that is not there any more is as dead as one that was killed."""
