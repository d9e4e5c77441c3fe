"""Every SELECT of segments: what a tree compiles to, and the saved ones."""
