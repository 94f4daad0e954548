"""What goes wrong inside applications: grouped, followed, and brought to who mends it."""
