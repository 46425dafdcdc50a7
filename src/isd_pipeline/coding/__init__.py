"""New notes to codes with evidence, by a bundle alone: no training data, no Kedro."""
