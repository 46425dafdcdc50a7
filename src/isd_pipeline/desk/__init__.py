"""A coder's review of suggested codes: the screen, and the record of what was decided."""
