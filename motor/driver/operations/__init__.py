"""Operations: one server command a file.

An operation knows its command's name, which servers it may go to, how its command document is built for the connection
that was chosen, and how the reply reads. It does no I/O: :mod:`motor.driver.executor` runs every one of them the same
way.
"""
