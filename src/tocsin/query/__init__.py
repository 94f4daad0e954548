"""Questions: query languages over what the store keeps; they know no alerts and no HTTP."""
