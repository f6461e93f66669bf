"""A service that keeps books: `app` makes it, `routes` is its HTTP, `store` its database, `models` its data."""
