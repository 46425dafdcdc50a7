"""Kedro stages: thin nodes that hand files to the libraries."""
