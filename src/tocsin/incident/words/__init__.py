"""What is said of an incident: templates, their fields, and who is told in which words."""
