"""The contract of rows, periods, column guesses and checks of a model against data."""
