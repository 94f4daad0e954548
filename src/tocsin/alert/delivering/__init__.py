"""How a message reaches its channel, what is told instead when it does not, and its history."""
