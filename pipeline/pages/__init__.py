"""Pages: the arrow from results and corpora to HTML that people look at; each is one file and needs no network."""
