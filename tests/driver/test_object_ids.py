"""New ObjectIds: as the specification has them, and none twice, in threads and forked processes either."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from bson.objectid import ObjectId

from motor.driver.object_ids import new_object_id
from tests.support.inside import replace


def test_time_process_counter():
    before = int(time.time())
    ids = [new_object_id() for _ in range(100)]
    after = int(time.time())
    assert all(type(each) is ObjectId for each in ids)
    assert all(before <= each.generation_time.timestamp() <= after for each in ids)
    assert len({each.binary[4:9] for each in ids}) == 1
    counters = [int.from_bytes(each.binary[9:], "big") for each in ids]
    assert all((later - earlier) % 2**24 == 1 for earlier, later in itertools.pairwise(counters))


def test_not_the_numbers_that_bson_has_for_this_process():
    assert new_object_id().binary[4:9] != ObjectId().binary[4:9]


def test_the_counter_starts_again_after_its_last(monkeypatch):
    replace(monkeypatch, "object_ids._counter", iter([2**24 - 1, 2**24, 2**24 + 1]))
    ids = [new_object_id() for _ in range(3)]
    assert [each.binary[9:] for each in ids] == [b"\xff\xff\xff", b"\0\0\0", b"\0\0\1"]
    assert len({each.binary[4:9] for each in ids}) == 1


def test_threads_share_no_id():
    made: list[list[ObjectId]] = []

    def make() -> None:
        made.append([new_object_id() for _ in range(5000)])

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({each for ids in made for each in ids}) == 40_000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_has_numbers_of_its_own():
    script = """
        import os
        from motor.driver.object_ids import new_object_id
        new_object_id()
        for _ in range(3):
            if (child := os.fork()) == 0:
                print(new_object_id(), flush=True)
                os._exit(0)
            os.waitpid(child, 0)
        print(new_object_id())
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    ids = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert len(ids) == 4
    assert len({each[8:18] for each in ids}) == 4
