"""Keys of an adapter file's metadata that are written, and read again."""

from __future__ import annotations

BASE_HASH = "saggar.base_hash"
LICENCE = "saggar.licence"
KOHYA_BASE_HASH = "ss_new_sd_model_hash"  # SHA-256 of the base model's single file
LEARNT_WORDS = "saggar.learnt_words"  # phrases by the words that stand for them, as JSON
