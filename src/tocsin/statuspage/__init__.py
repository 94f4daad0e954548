"""What the public is told: components, incidents, maintenance, subscribers."""
