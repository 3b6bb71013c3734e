"""The Q-network: from a frame stack to a Q-value for each action."""

from __future__ import annotations

import torch

from rlbreakout.agents.value.equations import dueling
from rlbreakout.common.errors import UserError
from rlbreakout.config import QNetworkConfig


class QNetwork(torch.nn.Module):
    """Q(s, .): from pictures `(n, channels, height, width)` uint8 to Q-values `(n, actions)` float32.

    `shape` is `(channels, height, width)`. Raises UserError if a kernel does not fit into the pictures.
    """

    optimizer: torch.optim.Optimizer
    """Set by the agent; SB3's policies have theirs here, too."""

    def __init__(self, config: QNetworkConfig, shape: tuple[int, int, int], n_actions: int) -> None:
        super().__init__()
        channels, height, width = shape
        convolutions: list[torch.nn.Module] = []
        layers = zip(config.channels, config.kernels, config.strides, config.paddings, strict=True)
        for layer, (filters, kernel, stride, padding) in enumerate(layers, 1):
            given = f"{height}x{width}" + (f" and a padding of {padding}" if padding else "")
            height, width = height + 2 * padding, width + 2 * padding
            if kernel > min(height, width):
                raise UserError(
                    f"value.network: convolution {layer} has a kernel of {kernel}x{kernel} and gets pictures of "
                    f"{given}; allowed: a kernel of at most {min(height, width)}, smaller strides or kernels before "
                    "it, or padding"
                )
            convolutions += [torch.nn.Conv2d(channels, filters, kernel, stride, padding), torch.nn.ReLU()]
            channels = filters
            height, width = (height - kernel) // stride + 1, (width - kernel) // stride + 1
        self.convolutions = torch.nn.Sequential(*convolutions, torch.nn.Flatten())
        nodes = channels * height * width
        hidden: list[torch.nn.Module] = []
        for more in config.hidden:
            hidden += [torch.nn.Linear(nodes, more), torch.nn.ReLU()]
            nodes = more
        self.hidden = torch.nn.Sequential(*hidden)
        self.advantage = torch.nn.Linear(nodes, n_actions)
        self.value = torch.nn.Linear(nodes, 1) if config.dueling else None

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        features = self.hidden(self.convolutions(pictures.float() / 255))
        advantages = self.advantage(features)
        return advantages if self.value is None else dueling(self.value(features), advantages)
