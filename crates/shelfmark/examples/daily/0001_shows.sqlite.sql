CREATE TABLE shows (
    show_id TEXT PRIMARY KEY NOT NULL,
    title TEXT NOT NULL,
    release_year INTEGER NOT NULL,
    rating TEXT,
    version INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    deleted_at TEXT
) STRICT;

CREATE INDEX shows_by_year ON shows (release_year, show_id);

CREATE TABLE directors (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL) STRICT;

CREATE TABLE show_directors (
    show_id TEXT NOT NULL REFERENCES shows (show_id),
    director_id INTEGER NOT NULL REFERENCES directors (id),
    position INTEGER NOT NULL,
    PRIMARY KEY (show_id, director_id)
) STRICT;
