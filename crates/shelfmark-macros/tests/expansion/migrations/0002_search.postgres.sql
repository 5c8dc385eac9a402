CREATE INDEX shows_search ON shows USING gin (title);
