"""Tocsin: the alarm bell of a small team."""

__version__ = "0.1.0"
