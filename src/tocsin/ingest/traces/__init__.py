"""Spans on their way to the store, whoever sent them."""
