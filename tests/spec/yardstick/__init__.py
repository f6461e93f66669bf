"""The yardstick: what PyMongo's own asynchronous client passes of the specification tests, on the same deployments and
by PyMongo's own runner, beside what Motor passes."""
