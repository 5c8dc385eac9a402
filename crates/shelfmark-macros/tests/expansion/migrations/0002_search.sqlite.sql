CREATE VIRTUAL TABLE shows_search USING fts5 (title);
