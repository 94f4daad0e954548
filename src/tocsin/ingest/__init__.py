"""From bytes to columnar batches, within limits."""
