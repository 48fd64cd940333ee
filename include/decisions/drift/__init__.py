"""How the newest period differs from what the champion was trained on."""
