CREATE TABLE shows (
    show_id TEXT PRIMARY KEY NOT NULL,
    title TEXT NOT NULL UNIQUE,
    release_year INTEGER NOT NULL,
    rating TEXT
) STRICT;

CREATE TABLE notes (
    id INTEGER PRIMARY KEY,
    show_id TEXT NOT NULL REFERENCES shows (show_id),
    text TEXT NOT NULL
) STRICT;
