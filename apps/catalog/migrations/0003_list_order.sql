-- The list breaks ties by the key in the direction of the year, so that one index serves it from either end.
DROP INDEX shows_by_year;
CREATE INDEX shows_by_year ON shows (release_year, show_id);
