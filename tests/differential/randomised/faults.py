"""Single operations on a real collection whose server fails, or whose connections break; the data are compared, too."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.differential.randomised.operations import Course
from tests.differential.randomised.real import RealScene
from tests.differential.randomised.seen import Seen
from tests.differential.randomised.stage import FailPoint

COMMANDS = (
    "insert",
    "update",
    "delete",
    "findAndModify",
    "find",
    "getMore",
    "aggregate",
    "distinct",
    "commitTransaction",
)

NOT_PRIMARY = (91, 189, 10107, 11600)
ERRORS = (*NOT_PRIMARY, 8, 13, 43, 50, 64, 112, 251, 262)


def fail_point(dice: Random, commands: tuple[str, ...]) -> FailPoint:
    """Closes the connection, or gives an error, or a write concern's, with labels or the server's own, or late."""
    data: dict[str, Any] = {"failCommands": dice.sample(commands, dice.randint(1, len(commands)))}
    fate = dice.random()
    if fate < 0.3:
        data["closeConnection"] = True
    elif fate < 0.75:
        data["errorCode"] = dice.choice(ERRORS)
    else:
        data["writeConcernError"] = {"code": dice.choice([64, 79, 91]), "errmsg": "not met"}
    if "closeConnection" not in data and dice.random() < 0.3:
        data["errorLabels"] = dice.sample(
            ["RetryableWriteError", "TransientTransactionError", "Mine"], dice.randint(0, 2)
        )
    return FailPoint(dice.randint(1, 3), data)


class Faults(RealScene):
    """A course of operations, with cuts or a fail point, or both."""

    def __init__(self, dice: Random) -> None:
        super().__init__(dice)
        self.options = {"retryWrites": dice.random() < 0.8, "retryReads": dice.random() < 0.8}
        self.share = dice.choice([0.0, 0.2, 0.5])
        if not self.share or dice.random() < 0.3:
            self.fail_point = fail_point(dice, COMMANDS)
            if self.fail_point.data.get("errorCode") in NOT_PRIMARY:
                # PyMongo drops the session of a "not primary" error, which is no network error.
                self.left_out = ("lsid",)
        self.course = Course(dice)

    async def act(self, db: Any, seen: Seen) -> None:
        """Go the course."""
        await self.course.run(db, seen)
