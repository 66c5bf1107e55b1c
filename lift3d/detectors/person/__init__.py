"""Finding the people in a picture: a small network of our own, a still background as a help, boxes over time."""
