"""What happens by itself when an incident opens, changes and ends, and what came of it."""
