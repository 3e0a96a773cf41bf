"""The compute pack."""
