"""The examples, run as their README files say, and looked at with a real browser."""
