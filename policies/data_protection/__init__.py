"""The data_protection pack."""
