"""What an application holds: Futures, event loops, names, cursors, under each framework and loop that Motor runs on."""
