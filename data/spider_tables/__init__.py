"""The tables of SPIDER: gradings in two layouts, and the overview of scans."""
