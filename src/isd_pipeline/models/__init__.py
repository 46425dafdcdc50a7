"""Networks: token ids in, one logit per code out."""
