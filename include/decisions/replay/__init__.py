"""How often a model should be retrained, simulated on its own history."""
