"""Names of the columns that a table to review has beside the catalogue's own."""

from __future__ import annotations

ROW, NUMBER, IMAGE = "saggar_row", "saggar_object", "saggar_image"  # of the catalogue
COVERAGE, NOT_PORCELAIN, DOUBT, NOTES, ERROR = (
    "set_coverage",
    "not_porcelain",
    "not_porcelain_score",
    "notes",
    "error",
)
MODEL, SNAPSHOT, ANSWERED = "model_id", "data_snapshot", "classified_at"
PROPOSED, CONFIDENCE, POSSIBLE = "proposed_", "confidence_", "set_"  # the first before the system's name for a task
DECISION, CODE = "accept_or_reject_", "code_"  # before a task
