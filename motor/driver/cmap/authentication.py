"""Authentication of a connection, after its handshake."""

from __future__ import annotations

from pymongo.client_options import ClientOptions
from pymongo.errors import ConfigurationError

from motor._pymongo import has_credentials


def authenticate(options: ClientOptions) -> None:
    """Raises :class:`~pymongo.errors.ConfigurationError` for credentials: there is no mechanism yet that takes them."""
    if has_credentials(options):
        raise ConfigurationError(
            "This version of Motor cannot authenticate yet. Connect without a user name and authMechanism, "
            "or use a released version."
        )
