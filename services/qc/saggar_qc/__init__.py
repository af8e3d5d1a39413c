"""Quality control: screens generated images and measures sets of images."""
