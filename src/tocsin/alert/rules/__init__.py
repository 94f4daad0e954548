"""Rules: when is something wrong, since when, and what is said about it?"""
