"""`saggar data`: labels that are missing, doubtful, corrected, or only words of a catalogue."""
