"""Reading and writing files: whole or absent, with an explicit schema."""
