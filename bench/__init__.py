"""One file a question; each prints its table and writes bench/results/<name>.json."""
