"""A data set in forms that others read: Croissant, a Hugging Face image folder, a datasheet."""
