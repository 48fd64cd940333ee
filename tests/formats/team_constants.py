"""A module that the team's transformer imports."""

POWER = 0.5
