"""What is allowed in rules and routes, and yet probably not meant."""
