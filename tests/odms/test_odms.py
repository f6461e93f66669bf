"""Three ODMs, as they come from the package index, each under an application of its own: a library of four books.

odmantic and umongo import Motor; beanie was written for PyMongo Async, which it is run with, too.
"""

import asyncio
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

import motor
from motor.motor_asyncio import AsyncIOMotorDatabase
from tests import locks
from tests.environments import clean_variables, environment

ROOT = Path(__file__).parents[2]
APPLICATIONS = Path(__file__).parent / "applications"

REQUIREMENTS = [
    f"-e {shlex.quote(str(ROOT))}",  # what they require as "motor" is this checkout: pip has no objection
    "odmantic==1.1.0",
    "umongo[motor]==4.0.0",
    "beanie==2.2.0; python_version < '3.14'",
]

PATIENCE = 60.0
"""How long an application may take, in seconds, on a machine that does much else."""

REPORT = {
    "motor": motor.version,
    "read": {
        "found": ["Emma", 1815, "Jane Austen"],
        "missing": None,
        "newest first": ["Middlemarch", "Romola", "Persuasion"],
        "page": ["Middlemarch", "Persuasion"],
        "counts": [4, 3, 2, 1, 0],
    },
    "change": {
        "updated": 2,
        "refused": ["title"],
        "removed": 1,
        "copies": {"Emma": 11, "Middlemarch": 4},
    },
    "aggregate": [["George Eliot", 4], ["Jane Austen", 11]],
    "lend": {
        "committed": {"Emma": 10, "Middlemarch": 5},
        "seen inside": 0,
        "aborted": {"Emma": 10, "Middlemarch": 5},
    },
}
"""What each of the applications must print."""

# While one process makes their environment, others have better things to do than wait for it.
pytestmark = pytest.mark.xdist_group("odms")

newer_than_beanie = pytest.mark.skipif(sys.version_info >= (3, 14), reason="beanie 2.2 is for Python before 3.14")


@pytest.fixture(scope="module")
def interpreter() -> Path:
    """A Python that has the ODMs."""
    return environment("odms", REQUIREMENTS, locks.ODMS)


async def run(interpreter: Path, application: str, *arguments: str) -> Any:
    """What an application reports. It may print nothing else: no warning, no task's lost exception."""
    process = await asyncio.create_subprocess_exec(
        *(str(interpreter), "-W", "default::ResourceWarning", str(APPLICATIONS / application), *arguments),
        env=clean_variables(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), PATIENCE)
    except asyncio.TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert (process.returncode, errors.decode()) == (0, "")
    return json.loads(output)


@pytest.mark.parametrize(
    ("application", "arguments"),
    [
        ("odmantic_library.py", []),
        ("umongo_library.py", []),
        pytest.param("beanie_library.py", ["motor"], marks=newer_than_beanie),
        pytest.param("beanie_library.py", ["pymongo"], marks=newer_than_beanie),
    ],
)
async def test_an_application(
    interpreter: Path, uri: str, db: AsyncIOMotorDatabase, application: str, arguments: list[str]
) -> None:
    assert await run(interpreter, application, uri, db.name, *arguments) == REPORT

    [books] = await db.list_collection_names(filter={"name": {"$in": ["book", "Book"]}})
    indexes = (await db[books].index_information()).values()
    assert sorted((index["key"][0], index.get("unique", False)) for index in indexes) == [
        (("_id", 1), False),
        (("title", 1), True),
        (("year", 1), False),
    ]
