"""What is called. One module a subject, one `Case` a call, in a list named CASES."""
