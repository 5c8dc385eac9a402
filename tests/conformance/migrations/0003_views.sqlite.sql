CREATE TABLE labels (
    label_id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL
) STRICT;

CREATE TABLE bands (
    band_id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    label_id TEXT REFERENCES labels (label_id)
) STRICT;

CREATE TABLE posters (
    poster_id INTEGER PRIMARY KEY,
    band_id TEXT NOT NULL REFERENCES bands (band_id),
    words TEXT NOT NULL
) STRICT;

CREATE TABLE albums (
    album_id INTEGER PRIMARY KEY,
    band_id TEXT NOT NULL REFERENCES bands (band_id),
    title TEXT NOT NULL,
    year INTEGER
) STRICT;
CREATE INDEX albums_of_bands ON albums (band_id, title, album_id);

CREATE TABLE tracks (
    track_id INTEGER PRIMARY KEY,
    album_id INTEGER NOT NULL REFERENCES albums (album_id),
    nth INTEGER NOT NULL,
    title TEXT NOT NULL
) STRICT;

CREATE TABLE musicians (
    musician_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL
) STRICT;

CREATE TABLE band_musicians (
    band_id TEXT NOT NULL REFERENCES bands (band_id),
    musician_id INTEGER NOT NULL REFERENCES musicians (musician_id),
    position INTEGER NOT NULL,
    name TEXT,
    PRIMARY KEY (band_id, musician_id)
) STRICT;

-- Without foreign keys: who sent or got a letter may be gone.
CREATE TABLE letters (
    letter_id INTEGER PRIMARY KEY,
    sender_id INTEGER NOT NULL,
    receiver_id INTEGER,
    "from" TEXT NOT NULL
) STRICT;

CREATE TABLE stages (
    stage_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    closed_at TEXT
) STRICT;

-- Each club has gigs of its own.
CREATE TABLE gigs (
    gig_id INTEGER PRIMARY KEY,
    club INTEGER NOT NULL,
    band_id TEXT NOT NULL REFERENCES bands (band_id),
    stage_id INTEGER NOT NULL REFERENCES stages (stage_id),
    cancelled_at TEXT
) STRICT;
