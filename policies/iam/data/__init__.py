"""Service authorisation data; ``refresh.py`` writes it."""
