"""One result, several ways out: what the test of all of them and its benchmark share."""
