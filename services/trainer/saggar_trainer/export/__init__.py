"""From a trained network to the ONNX file that is served."""
