"""What the containers' entry points share: AWS, errors, the environment, waiting for a database, supervision."""
