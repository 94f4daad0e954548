"""What is learnt of an incident: its document, what is to be done, and how it goes over time."""
