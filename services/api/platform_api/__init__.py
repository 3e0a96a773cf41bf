"""The platform's REST API: a Lambda function behind an HTTP API, with nothing but the standard library."""

VERSION = "0.1.0"
