"""Networks: token numbers in, one logit per code out."""
