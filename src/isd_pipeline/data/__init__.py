"""Hospital files in, tables of notes, codes and titles out."""
