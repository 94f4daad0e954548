"""What an incident looked like, frozen into one file that needs no server and no store."""
