"""What is known of a stored file: its document, field by field."""

from __future__ import annotations

import datetime
from collections.abc import ItemsView, KeysView, Mapping
from typing import Any

from pymongo.errors import InvalidOperation

from motor.api.gridfs.grid_file import GridFile


class FileDocument(GridFile):
    """A file whose document has been fetched or will be: its fields are attributes, and items as those of a dict."""

    _document: Mapping[str, Any] | None

    @property
    def _id(self) -> Any:
        """The file's id."""
        return self._field("_id")

    @property
    def filename(self) -> str | None:
        """The file's name."""
        name: str | None = self._field("filename")
        return name

    @property
    def name(self) -> str | None:
        """The file's name, as :attr:`filename`."""
        name: str | None = self._field("filename", "name")
        return name

    @property
    def content_type(self) -> str | None:
        """The file's media type, if it was given one on its own; it belongs into :attr:`metadata` today."""
        content_type: str | None = self._field("contentType", "content_type")
        return content_type

    @property
    def length(self) -> int:
        """The file's length in bytes."""
        length: int = self._field("length", default=0)
        return length

    @property
    def chunk_size(self) -> int:
        """The size of its chunks in bytes."""
        size: int = self._field("chunkSize", "chunk_size")
        return size

    @property
    def upload_date(self) -> datetime.datetime:
        """When it was uploaded."""
        date: datetime.datetime = self._field("uploadDate", "upload_date")
        return date

    @property
    def aliases(self) -> list[str] | None:
        """Other names of the file; they belong into :attr:`metadata` today."""
        aliases: list[str] | None = self._field("aliases")
        return aliases

    @property
    def metadata(self) -> Mapping[str, Any] | None:
        """What the application has stored along with the file."""
        metadata: Mapping[str, Any] | None = self._field("metadata")
        return metadata

    @property
    def md5(self) -> str | None:
        """The file's MD5 sum, if it was written by an old driver.

        .. versionadded:: 4.0
        """
        md5: str | None = self._field("md5")
        return md5

    def _field(self, field: str, attribute: str | None = None, default: Any = None) -> Any:
        return self._opened(attribute or field).get(field, default)

    def _opened(self, attribute: str) -> Mapping[str, Any]:
        if self._document is None:
            raise InvalidOperation(
                f"You must call {type(self).__name__}.open() before accessing the {attribute} property"
            )
        return self._document

    def __getattr__(self, name: str) -> Any:
        if "_document" not in self.__dict__:
            raise AttributeError(name)
        document = self._opened(name)
        if name in document:
            return document[name]
        raise AttributeError(f"GridOut object has no attribute {name!r}")

    def __getitem__(self, field: str) -> Any:
        return self._opened(field)[field]

    def __contains__(self, field: object) -> bool:
        return field in self._opened("document's")

    __iter__ = None

    def get(self, field: str, default: Any = None) -> Any:
        """The value of a field of the file's document, `default` if there is none.

        .. versionadded:: 4.0
        """
        return self._opened(field).get(field, default)

    def keys(self) -> KeysView[str]:
        """The names of the fields of the file's document.

        .. versionadded:: 4.0
        """
        return self._opened("document's").keys()

    def items(self) -> ItemsView[str, Any]:
        """The fields of the file's document, each as a pair of its name and its value.

        .. versionadded:: 4.0
        """
        return self._opened("document's").items()
