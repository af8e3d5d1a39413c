"""What a trained bundle says of images, and how right it is."""
