"""What a trained network says of images, how right it is, and how sure it may be."""
