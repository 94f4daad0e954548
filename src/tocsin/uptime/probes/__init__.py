"""One file for each way of asking; none knows another."""
