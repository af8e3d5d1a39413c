"""Names of the columns that a table to review has beside the catalogue's own.

All begin with `saggar_`, and no column of a catalogue may: a museum has columns such as `notes` and `model_id` itself.
"""

from __future__ import annotations

OWN = "saggar_"
ROW, NUMBER, IMAGE = "saggar_row", "saggar_object", "saggar_image"  # of the catalogue
COVERAGE, NOT_PORCELAIN, DOUBT, NOTES, ERROR = (
    "saggar_coverage",
    "saggar_not_porcelain",
    "saggar_not_porcelain_score",
    "saggar_notes",
    "saggar_error",
)
MODEL, SNAPSHOT, ANSWERED = "saggar_model_id", "saggar_data_snapshot", "saggar_classified_at"
PROPOSED = "saggar_proposed_"  # before the system's name for a task
CONFIDENCE, POSSIBLE, DECISION, CODE = (  # before a task
    "saggar_confidence_",
    "saggar_set_",
    "saggar_accept_or_reject_",
    "saggar_code_",
)
