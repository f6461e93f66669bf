"""What an application holds: clients, databases, collections, cursors, for both frameworks alike."""
