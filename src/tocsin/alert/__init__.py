"""Alerts: from a number that is wrong to the right person who knows."""
