"""Vectors for words and codes, learned from the notes."""
