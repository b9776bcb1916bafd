"""What vm-images/build is made of."""
