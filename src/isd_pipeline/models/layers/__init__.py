"""Layers that several networks are made of."""
