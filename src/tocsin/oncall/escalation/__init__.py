"""Who is reached, in which order, until somebody takes an incident on."""
