"""What every rule is made of, and the two ways to run it: under the engine and offline."""
