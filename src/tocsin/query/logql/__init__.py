"""LogQL: lines by their labels, pipelines over them, and series counted of them."""
