"""From one camera's 2D to 3D: how joints are shown to a network, the networks, their training and use."""
