"""DVC graphs, and what keeps them true."""
