"""What tests of more than one topic use, a module for each story."""
