"""What is sent and received, and what it must be like."""

from typing import Annotated, Any

from bson import ObjectId
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, WithJsonSchema


def _object_id(value: Any) -> ObjectId:
    if not ObjectId.is_valid(value):
        raise ValueError("not an ObjectId: 24 hexadecimal digits")
    return ObjectId(value)


BookId = Annotated[
    ObjectId,
    PlainValidator(_object_id),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": "^[0-9a-f]{24}$"}),
]
"""An ObjectId in Python, its hexadecimal digits in JSON."""

Text = Annotated[str, Field(min_length=1, max_length=200)]
Year = Annotated[int, Field(ge=1450, le=2100)]
Version = Annotated[int, Field(ge=1, le=2**31)]
Isbn = Annotated[str, Field(pattern="^[0-9]{13}$")]


class NewBook(BaseModel):
    """A book that is not stored yet."""

    model_config = ConfigDict(extra="forbid")

    title: Text
    author: Text
    year: Year
    isbn: Isbn


class BookChanges(BaseModel):
    """What is to be changed of a book that was read as that `version`. What is left out, or null, stays as it is."""

    model_config = ConfigDict(extra="forbid")

    version: Version
    title: Text | None = None
    author: Text | None = None
    year: Year | None = None
    isbn: Isbn | None = None


class Book(NewBook):
    """A stored book. Its version is another one after each change."""

    model_config = ConfigDict(extra="ignore")

    id: BookId = Field(validation_alias="_id")
    version: Version


class Page(BaseModel):
    """Some of the books that were asked for, and how many there are of these."""

    books: list[Book]
    total: int
