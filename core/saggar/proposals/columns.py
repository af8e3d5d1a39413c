"""Names of the columns that a table to review has beside the catalogue's own."""

from __future__ import annotations

ROW, NUMBER, IMAGE = "saggar_row", "saggar_object", "saggar_image"  # of the catalogue
NOT_PORCELAIN, MODEL, ANSWERED, ERROR = "not_porcelain", "model_id", "classified_at", "error"
PROPOSED, CONFIDENCE, POSSIBLE = "proposed_", "confidence_", "set_"  # the first before the system's name for a task
DECISION, CODE = "accept_or_reject_", "code_"  # before a task
