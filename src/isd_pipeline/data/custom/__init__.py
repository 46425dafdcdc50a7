"""A user's own data set: its layout, its notes, its codes."""
