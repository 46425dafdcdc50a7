"""A custom data set set: its layout, its notes, its codes."""
