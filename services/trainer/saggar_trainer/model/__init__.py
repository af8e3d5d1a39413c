"""The network: MobileNetV3's trunk, one linear head per task, and several networks as one."""
