"""Incidents: from the alert that opens one to the post-mortem."""
