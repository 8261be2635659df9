"""What the figures share: which cells they show, colours, columns of text, and the writing of files."""
