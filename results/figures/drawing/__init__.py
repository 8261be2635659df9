"""What figures share: the choice of cells, colours, columns of text, and the writing of files."""
