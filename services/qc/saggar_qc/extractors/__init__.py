"""Features of images: the networks that make them, each image once, read in constant memory."""
