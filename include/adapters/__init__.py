"""Where things are kept: one module per outside system."""
