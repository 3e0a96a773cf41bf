"""What the rules know of the provider's types."""
