"""Files by name: data sets, formats, runs."""
