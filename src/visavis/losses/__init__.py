"""Pure functions of tensors: adversarial losses, losses on pairs, gradient penalties."""
