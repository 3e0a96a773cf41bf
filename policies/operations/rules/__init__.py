"""Rules of the pack, one to a module."""
