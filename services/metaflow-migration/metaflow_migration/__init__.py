"""The function that migrates the metadata service's database: it runs one task of ECS and says how it ended."""
