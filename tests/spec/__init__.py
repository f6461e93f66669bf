"""MongoDB's own specification tests: its JSON files, run by our runners."""
