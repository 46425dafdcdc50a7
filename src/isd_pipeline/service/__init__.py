"""Bundles behind an HTTP API on this machine: requests in, the answers of `isd code` out."""
