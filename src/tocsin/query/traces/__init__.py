"""Questions about traces: which there are, one whole, and what calls what."""
