"""The version of Motor, in one place."""

version = "4.0.0.dev0"
