"""What goes wrong while something is encrypted or decrypted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bson.errors import BSONError
from pymongo.errors import EncryptionError


@contextmanager
def encryption_errors() -> Iterator[None]:
    """Raise :class:`~pymongo.errors.EncryptionError` for what goes wrong within, with that as its cause.

    What cannot be BSON has nothing to do with encryption, and is raised as it is.
    """
    try:
        yield
    except BSONError:
        raise
    except Exception as error:
        raise EncryptionError(error) from error
