"""Analysis of IAM documents: parsing, service authorisation data, scope of resources and conditions."""
