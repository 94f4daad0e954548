"""Addresses for programs: one foreign API a file."""
