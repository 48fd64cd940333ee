"""From evidence to a verdict, and what people may answer about it."""
