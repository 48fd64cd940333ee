"""Names of the pipeline's own columns, in tables that also hold a team's: a model may not declare a name that begins so."""

OWN = "_pg_"
# Curated rows: when a row was delivered, in which file, and its period.
DELIVERED_AT, SOURCE, PERIOD = f"{OWN}delivered_at", f"{OWN}source", f"{OWN}period"
# Rows beside their labels: whether a label row came.
LABEL_DELIVERED = f"{OWN}label_delivered"
# Rows in all their versions: from when, and until when, a version counted.
KNOWN_FROM, KNOWN_UNTIL = f"{OWN}known_from", f"{OWN}known_until"
# Predictions: the value or the best class; of a multi-class model the ranking behind it; by which version, and as of when.
PREDICTION = f"{OWN}prediction"
RANKED, PROBABILITIES, CLASSES = f"{OWN}ranked", f"{OWN}probabilities", f"{OWN}classes"
VERSION, SCORED_AS_OF = f"{OWN}version", f"{OWN}scored_as_of"
