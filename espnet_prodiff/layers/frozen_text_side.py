"""A student that keeps its teacher's text side as it is."""

from torch import nn


class FrozenTextSide(nn.Module):
    """Can leave its ``denoiser`` alone to be trained."""

    text_side_is_frozen = False

    def freeze_text_side(self) -> None:
        """Leave only the denoiser to be trained; dropout stays off elsewhere."""
        self.text_side_is_frozen = True
        for name, module in self.named_children():
            if name != "denoiser":
                module.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "FrozenTextSide":
        """Set the training mode; what is frozen stays in evaluation mode."""
        super().train(mode)
        if self.text_side_is_frozen:
            self.freeze_text_side()
        return self
