"""ICD codes: normal forms, hierarchies, label spaces, synonyms."""
