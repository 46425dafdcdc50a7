"""ISD (Zhou et al., ACL 2021): its network, its objective, its variants."""
