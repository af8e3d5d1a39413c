"""What a data set holds in numbers and remarks, and the advice that follows: generate images or not."""
