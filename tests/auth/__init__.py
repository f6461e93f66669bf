"""Who may come in: every mechanism against the server's side of it, a real server where it has it."""
