"""The network pack."""
