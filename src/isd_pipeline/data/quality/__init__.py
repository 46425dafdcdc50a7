"""What is wrong or unusual in a data set, and what is published of it."""
