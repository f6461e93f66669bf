"""What an operation costs: Motor and its peers, side by side, against canned replies. Run it with `scripts/bench`."""
