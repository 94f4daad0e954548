"""What people say about alerts: taken on, silenced, under maintenance."""
