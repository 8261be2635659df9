"""What happens to images, tables and class balance before something learns."""
