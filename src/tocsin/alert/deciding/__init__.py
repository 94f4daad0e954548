"""What becomes of an alert at each moment, why, and the dispatcher that acts on it."""
