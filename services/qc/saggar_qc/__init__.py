"""Quality control: screens generated images and measures sets of images."""

import saggar  # noqa: F401 turns the reporting of libraries off before any is imported
