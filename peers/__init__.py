"""How the policy packs compare with other people's tools over the same resources."""
