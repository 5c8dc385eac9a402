CREATE TABLE labels (
    label_id uuid PRIMARY KEY,
    name text NOT NULL
);

CREATE TABLE bands (
    band_id text PRIMARY KEY,
    name text NOT NULL,
    label_id uuid REFERENCES labels (label_id)
);

CREATE TABLE posters (
    poster_id bigint PRIMARY KEY,
    band_id text NOT NULL REFERENCES bands (band_id),
    words text NOT NULL
);

CREATE TABLE albums (
    album_id bigint PRIMARY KEY,
    band_id text NOT NULL REFERENCES bands (band_id),
    title text NOT NULL,
    year integer
);
CREATE INDEX albums_of_bands ON albums (band_id, title, album_id);

CREATE TABLE tracks (
    track_id bigint PRIMARY KEY,
    album_id bigint NOT NULL REFERENCES albums (album_id),
    nth integer NOT NULL,
    title text NOT NULL
);

CREATE TABLE musicians (
    musician_id bigint PRIMARY KEY,
    name text NOT NULL
);

CREATE TABLE band_musicians (
    band_id text NOT NULL REFERENCES bands (band_id),
    musician_id bigint NOT NULL REFERENCES musicians (musician_id),
    position integer NOT NULL,
    name text,
    PRIMARY KEY (band_id, musician_id)
);

-- Without foreign keys: who sent or got a letter may be gone.
CREATE TABLE letters (
    letter_id bigint PRIMARY KEY,
    sender_id bigint NOT NULL,
    receiver_id bigint,
    "from" text NOT NULL
);

CREATE TABLE stages (
    stage_id bigint PRIMARY KEY,
    name text NOT NULL,
    closed_at timestamptz
);

-- Each club has gigs of its own.
CREATE TABLE gigs (
    gig_id bigint PRIMARY KEY,
    club bigint NOT NULL,
    band_id text NOT NULL REFERENCES bands (band_id),
    stage_id bigint NOT NULL REFERENCES stages (stage_id),
    cancelled_at timestamptz
);
