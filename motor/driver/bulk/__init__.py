"""Bulk writes: many writes in few commands, their results merged into one."""
