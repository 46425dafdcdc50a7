"""Notes into tokens that know where they stand, and tokens into numbers."""
