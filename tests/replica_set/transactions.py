"""The transactions of a scripted member: what is written in one is applied when it is committed.

A member knows those that began there, and of the others no more than whether they were committed. So a command at
another mongos than the transaction's is found out, and so is a commit that is sent twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.support.replica_set.data import STATEMENTS, Data, Document
from tests.support.replica_set.errors import NO_SUCH_TRANSACTION, CommandError

TRANSIENT = "TransientTransactionError"


@dataclass
class _Transaction:
    number: int
    writes: list[tuple[Document, str]] = field(default_factory=list)


class Transactions:
    """Those that are in progress on one member, one a session."""

    def __init__(self, data: Data) -> None:
        self._data = data
        self._open: dict[bytes, _Transaction] = {}

    def join(self, command: Document) -> None:
        """Take part in a transaction, or start it. Raises CommandError if there is none."""
        session, number = _identify(command)
        if command.get("startTransaction"):
            self._data.start_transaction(session, number)
            self._open[session] = _Transaction(number)
        else:
            self._find(command)

    def write(self, command: Document, namespace: str) -> Document:
        """Keep the statements for later."""
        transaction = self._find(command)
        transaction.writes.append((command, namespace))
        name = next(iter(command))
        reply: Document = {"n": len(command[STATEMENTS[name]])}
        return {**reply, "nModified": reply["n"]} if name == "update" else reply

    def commit(self, command: Document, address: str) -> Document:
        """Apply what was written, unless that has been done."""
        session, number = _identify(command)
        if not self._data.is_committed(session, number):
            for written, namespace in self._find(command).writes:
                statement = {key: value for key, value in written.items() if key != "txnNumber"}
                self._data.write(statement, namespace, address)
            self._data.commit_transaction(session, number)
            del self._open[session]
        return {}

    def abort(self, command: Document) -> Document:
        """Forget what was written."""
        self._find(command)
        del self._open[_identify(command)[0]]
        return {}

    def _find(self, command: Document) -> _Transaction:
        session, number = _identify(command)
        transaction = self._open.get(session)
        if transaction is None or transaction.number != number:
            message = f"Given transaction number {number} does not match any in-progress transactions."
            raise CommandError(NO_SUCH_TRANSACTION, message, [TRANSIENT])
        return transaction


def _identify(command: Document) -> tuple[bytes, int]:
    assert command["autocommit"] is False, "a transaction that commits itself"
    return bytes(command["lsid"]["id"]), command["txnNumber"]
