"""`python -m cli doctor`: whether Batch jobs of a stack can start, before they wait for ever."""
