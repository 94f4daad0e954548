"""Who hears of an alert: Alertmanager's configuration and the routing tree that it comes to."""
