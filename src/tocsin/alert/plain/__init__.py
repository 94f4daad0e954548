"""Rules in plain words and objectives, compiled to rules of the one engine."""
