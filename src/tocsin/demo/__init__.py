"""A small real application to watch, and the switches that break it."""
