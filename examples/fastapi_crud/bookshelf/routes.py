"""What can be asked of the service by HTTP."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from .models import Book, BookChanges, BookId, NewBook, Page, Year
from .store import Books

router = APIRouter()


def _books(request: Request) -> Books:
    books: Books = request.app.state.books
    return books


Store = Annotated[Books, Depends(_books)]


@router.post("/books", status_code=201)
async def add(new: NewBook, books: Store, response: Response) -> Book:
    book = await books.add(new)
    response.headers["Location"] = f"/books/{book.id}"
    return book


@router.get("/books")
async def page(
    books: Store,
    author: str | None = None,
    since: Year | None = None,
    sort: Literal["title", "-title", "year", "-year"] = "title",
    skip: Annotated[int, Query(ge=0, le=10_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Page:
    return await books.page(author, since, sort, skip, limit)


@router.get("/books/{book_id}")
async def get(book_id: BookId, books: Store) -> Book:
    return await books.get(book_id)


@router.patch("/books/{book_id}")
async def change(book_id: BookId, changes: BookChanges, books: Store) -> Book:
    return await books.change(book_id, changes)


@router.delete("/books/{book_id}", status_code=204)
async def remove(book_id: BookId, books: Store) -> None:
    await books.remove(book_id)


@router.get("/health")
async def health(books: Store) -> dict[str, str]:
    await books.ping()
    return {"database": "there"}
