"""What scores documents and shows evidence: networks, linear models, ensembles."""
