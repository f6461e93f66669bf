"""The list of cases: their names, and how much of each is one measurement."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    name: str
    title: str
    operations: int
    """How many operations one measurement runs; a multiple of `concurrency`."""
    concurrency: int = 1
    sync: bool = False
    """Whether a client without an event loop can run it."""
    stalls: bool = False
    """Whether it records how long the event loop stood still."""

    def quick_operations(self) -> int:
        return max(self.concurrency, self.operations // 4)


CASES = {
    case.name: case
    for case in (
        Case("find_one@1", "find_one, 1 at a time", 3000, sync=True),
        Case("find_one@10", "find_one, 10 concurrent", 4000, concurrency=10),
        Case("find_one@100", "find_one, 100 concurrent", 4000, concurrency=100),
        Case("find_one@1000", "find_one, 1000 concurrent", 4000, concurrency=1000),
        Case("find_one_in_time@100", "find_one with timeoutMS, 100 concurrent", 4000, concurrency=100),
        Case("insert_one@100", "insert_one, 100 concurrent", 4000, concurrency=100),
        Case("update_one@100", "update_one, 100 concurrent", 4000, concurrency=100),
        Case("async_for", "async for over 1000 documents", 120, sync=True),
        Case("to_list", "to_list of 1000 documents", 120, sync=True),
        Case("insert_many", "insert_many of 1000 documents", 60, sync=True),
        Case("drain_for", "async for over a 7 MB batch", 4, stalls=True),
        Case("drain_list", "to_list of a 7 MB batch", 4, stalls=True),
        Case("insert_large", "insert_many of 100,000 documents", 2, stalls=True),
    )
}
