"""Severities, as routes."""
