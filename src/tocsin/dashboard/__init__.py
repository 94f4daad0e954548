"""Panels on one page: what they show, how they are kept, and what others call them."""
