"""The contest among the candidates, on rows before the hold-out: which rows, the linear baseline, and who wins."""
