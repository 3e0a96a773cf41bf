"""The operations pack."""
