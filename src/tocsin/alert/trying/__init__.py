"""What a rule or a route would do: rule tests, backtests, proposals, drills."""
