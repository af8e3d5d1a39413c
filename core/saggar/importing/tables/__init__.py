"""Labels from a CSV, a catalogue, folders or LabelBee, checked cell by cell against a taxonomy."""
