"""Every public name of Motor 3.7.1 and of PyMongo Async is Motor's, too: its parameters, their order and defaults."""
