"""Plumbing without a domain word in it; could belong to any program."""
