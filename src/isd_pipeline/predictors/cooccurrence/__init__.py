"""Which words stand in the notes of a code, by counting."""
