"""The least_privilege pack."""
