"""The container of Metaflow's metadata service: migrates its schema, then runs and watches the service or its UI."""
