"""What an adapter is trained on: photographs chosen by the seven priorities, and how gently they are varied."""
