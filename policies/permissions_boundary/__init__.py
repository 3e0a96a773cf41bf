"""The permissions_boundary pack."""
