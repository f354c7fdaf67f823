"""YOLOX's label assignment and loss for whole batches, in tensors of fixed shapes."""
