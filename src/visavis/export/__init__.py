"""What leaves the workshop as files: ONNX, a folder of the hub, a page in the browser."""
