CREATE TABLE shows (
    show_id TEXT PRIMARY KEY,
    title TEXT NOT NULL
);

CREATE TABLE seasons (
    season_id TEXT PRIMARY KEY,
    show_id TEXT NOT NULL REFERENCES shows (show_id)
);
