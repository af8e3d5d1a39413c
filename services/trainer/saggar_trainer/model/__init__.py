"""The network: MobileNetV3's trunk, and one linear head per task."""
