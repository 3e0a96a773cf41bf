"""The ML platform's extension of Metaflow's client; Metaflow finds it by the name of this namespace."""
