"""The Tornado example's page shows what changes, and only shows it."""

import json
import re
import sys
from datetime import datetime, timezone

import pytest
from bson.int64 import Int64
from bson.objectid import ObjectId
from playwright.async_api import BrowserContext, expect

from motor.motor_asyncio import AsyncIOMotorCollection
from tests.examples.programs import Program
from tests.examples.shown import Entry, Shown

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_each_operation_is_shown_newest_first(page: Shown, things: AsyncIOMotorCollection):
    await expect(page.element("namespace")).to_have_text(things.full_name)
    await expect(page.element("nothing")).to_be_visible()

    identifier = ObjectId()
    await things.insert_one({"_id": identifier, "title": "Emma", "year": 1816, "draft": True})
    await page.wait_for_count(1)  # looked up before the next update, its document is that of the insert
    await things.update_one({"_id": identifier}, {"$set": {"year": 1815, "by.name": "Austen"}, "$unset": {"draft": 1}})
    await page.wait_for_count(2)
    await things.replace_one({"_id": identifier}, {"title": "Persuasion"})
    await things.delete_one({"_id": identifier})
    await page.wait_for_count(4)

    entries = await page.entries()
    assert [entry.operation for entry in entries] == ["delete", "replace", "update", "insert"]
    oid = {"$oid": str(identifier)}
    assert [json.loads(entry.key) for entry in entries] == [{"_id": oid}] * 4
    deleted, replaced, updated, inserted = entries
    assert json.loads(inserted.document) == {"_id": oid, "title": "Emma", "year": 1816, "draft": True}
    assert json.loads(updated.document) == {"_id": oid, "title": "Emma", "year": 1815, "by": {"name": "Austen"}}
    assert updated.removed == "removed draft"
    assert set(updated.updated.removeprefix("set ").split(", ")) in ({"year", "by.name"}, {"year", "by"})
    assert json.loads(replaced.document) == {"_id": oid, "title": "Persuasion"}
    assert deleted.document == ""
    assert "\n  " in inserted.document
    await expect(page.element("nothing")).to_be_hidden()


async def test_a_paused_page_keeps_what_comes(page: Shown, things: AsyncIOMotorCollection):
    pause = page.element("pause")
    await things.insert_one({"_id": 1})
    await page.wait_for_key('{"_id": 1}')
    await pause.click()
    await things.insert_many([{"_id": 2}, {"_id": 3}])
    await expect(pause).to_have_text("Resume (2 new)")
    await page.wait_for_count(3)
    assert await page.keys() == ['{"_id": 1}']
    await pause.click()
    assert await page.keys() == ['{"_id": 1}', '{"_id": 2}', '{"_id": 3}']
    await expect(pause).to_have_text("Pause")
    await things.insert_one({"_id": 4})
    await page.wait_for_key('{"_id": 4}')


async def test_a_dropped_collection_can_be_made_again(page: Shown, things: AsyncIOMotorCollection):
    await things.insert_one({"_id": 1})
    await things.drop()
    await page.wait_for_count(3)
    await things.insert_one({"_id": 2})
    await page.wait_for_count(4)
    assert [entry.operation for entry in await page.entries()] == ["insert", "invalidate", "drop", "insert"]


async def test_the_form_inserts(page: Shown, things: AsyncIOMotorCollection):
    answer, insert = page.element("answer"), page.page.get_by_role("button", name="Insert", exact=True)
    await page.element("document").fill(
        '{"_id": 7, "at": {"$date": "2026-01-02T03:04:05Z"}, "n": 12345678901234567890.5}'
    )
    await insert.click()
    await expect(answer).to_have_text("Inserted.")
    await page.wait_for_key('{"_id": 7}')
    document = await things.find_one()
    assert document is not None
    assert document["at"] == datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc).replace(tzinfo=None)

    ready_made = page.page.get_by_role("button", name="Insert an example")
    for count in (2, 3, 4):
        await ready_made.click()
        await page.wait_for_count(count)
        await expect(ready_made).to_be_enabled()
    assert await things.count_documents({}) == 4


async def test_what_cannot_be_inserted_is_said(page: Shown, things: AsyncIOMotorCollection):
    wrong = {
        '{"a": }': "This is not JSON: Expecting value: line 1 column 7",
        "": "This is not JSON: Expecting value",
        "[1, 2]": "A document is a JSON object",
        "null": "A document is a JSON object",
        '{"_id": {"$oid": "xyz"}}': "'xyz' is not a valid ObjectId",
        '{"n": 99999999999999999999}': "8-byte ints",
        '{"_id": 0}': "duplicate key error",
        '{"a": "' + 70_000 * "x" + '"}': "too long: 64 kB",
    }
    await things.insert_one({"_id": 0})
    for number, (typed, message) in enumerate(wrong.items(), 1):
        await page.element("document").fill(typed)
        await page.page.get_by_role("button", name="Insert", exact=True).click()
        await expect(page.element("answer")).to_contain_text(message)
        await expect(page.element("document")).to_have_attribute("aria-invalid", "true")
        assert await things.count_documents({}) == number
        # And it still follows.
        await things.insert_one({"_id": number})
        await page.wait_for_key(f'{{"_id": {number}}}')


async def test_what_is_nested_too_deeply_is_not_inserted(page: Shown, things: AsyncIOMotorCollection):
    """Since Python 3.14 its JSON is read all the same: then it is the server that refuses the document."""
    await page.element("document").fill('{"a": ' + "[" * 30_000 + "]" * 30_000 + "}")
    await page.page.get_by_role("button", name="Insert", exact=True).click()
    said = "nested too deeply" if sys.version_info < (3, 14) else re.compile(r"\S")
    await expect(page.element("answer")).to_contain_text(said)
    await expect(page.element("document")).to_have_attribute("aria-invalid", "true")
    assert await things.count_documents({}) == 0
    await things.insert_one({"_id": 1})
    await page.wait_for_key('{"_id": 1}')


async def test_documents_are_text(page: Shown, things: AsyncIOMotorCollection):
    script = "<script>window.ran = 'script'</script>"
    image = "<img src=x onerror=\"window.ran = 'image'\">"
    deep: dict[str, object] = {"bottom": True}
    for _ in range(90):
        deep = {"in": deep}
    documents: list[dict[str, object]] = [
        {"_id": script, image: script, "link": "javascript:window.ran = 'link'"},
        {"_id": image, "text": "</pre></li></ol><script>window.ran = 'closed'</script>"},
        {"_id": "unicode", "text": "Zürich ☀ 東京 \u202eright to left\u202c 🏳️‍🌈 \u0000 \u2028", "ключ": "значение"},
        {"_id": "deep", "deep": deep},
        {"_id": "huge", "text": 2_000_000 * "x"},
        {"_id": "numbers", "long": Int64(9007199254740993), "2": "two", "10": "ten", "1": "one"},
        {},
    ]
    for document in documents:
        await things.insert_one(document)
    await page.wait_for_count(len(documents))
    by_key = {entry.key: entry for entry in await page.entries()}

    def shown(identifier: str) -> Entry:
        return by_key[json.dumps({"_id": identifier}, ensure_ascii=False)]

    assert json.loads(shown(script).document) == documents[0]
    assert json.loads(shown(image).document) == documents[1]
    assert json.loads(shown("unicode").document) == documents[2]
    assert "ключ" in shown("unicode").document
    assert json.loads(shown("deep").document) == documents[3]
    assert len(shown("huge").document) < 21_000
    assert "more characters" in shown("huge").document
    assert '"long": 9007199254740993,\n  "2": "two",\n  "10": "ten",\n  "1": "one"' in shown("numbers").document

    assert await page.page.evaluate("window.ran") is None
    assert await page.page.locator("#changes :is(script, img, a, iframe)").count() == 0
    # The names of fields, too.
    named = "<img src=x onerror=\"ran = 'name'\">"
    await things.update_one({"_id": "deep"}, {"$set": {named: 1}})
    await page.wait_for_count(len(documents) + 1)
    assert (await page.entries())[0].updated == f"set {named}"
    assert await page.page.evaluate("window.ran") is None


async def test_two_pages_see_the_same(
    app: Program, page: Shown, context: BrowserContext, things: AsyncIOMotorCollection
):
    await things.insert_one({"_id": 1})
    await page.wait_for_count(1)
    second = Shown(await context.new_page())
    await second.open(app.url)
    await things.insert_many([{"_id": number} for number in range(2, 50)])
    await page.wait_for_key('{"_id": 49}')
    await second.wait_for_key('{"_id": 49}')
    assert await page.keys() == [f'{{"_id": {number}}}' for number in range(1, 50)]
    assert await second.keys() == [f'{{"_id": {number}}}' for number in range(2, 50)]
    assert second.complaints == []
