"""The quickstart prints what its README shows, on any database, and says when there is none."""

from motor.motor_asyncio import AsyncIOMotorDatabase
from tests.examples.programs import EXAMPLES, finish, launch
from tests.examples.readme import output

EXAMPLE = EXAMPLES / "quickstart" / "app.py"


async def test_it_prints_what_the_readme_shows():
    assert await finish(await launch(EXAMPLE)) == (0, output(EXAMPLE))


async def test_it_begins_anew_each_time(uri: str, db: AsyncIOMotorDatabase):
    for _ in range(2):
        assert await finish(await launch(EXAMPLE, "--uri", uri, "--db", db.name)) == (0, output(EXAMPLE))
    assert await db.books.count_documents({}) == 4


async def test_a_database_that_is_not_there_is_said():
    # Nothing listens on port 1.
    status, printed = await finish(await launch(EXAMPLE, "--uri", "mongodb://127.0.0.1:1"))
    assert status == 1
    assert printed.startswith("The database cannot be reached: 127.0.0.1:1: ")
