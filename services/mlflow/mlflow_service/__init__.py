"""The MLflow container: prepares the database and the password file, then runs and watches the server."""
