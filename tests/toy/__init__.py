"""The smallest system that learns: leaves of a taxonomy by a linear layer. It shows what a new one takes."""
