"""The only room that knows the web framework: addresses, who may, and pages."""
