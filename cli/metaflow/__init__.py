"""`python -m cli metaflow configure`: Metaflow's client for a stack, and whether all that it needs is there."""
