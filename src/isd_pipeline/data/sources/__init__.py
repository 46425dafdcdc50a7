"""A reader for each published data set."""
