-- The catalogue: shows, the people and words they are described with, and what joins them.
-- Text sorts by its bytes, here and on PostgreSQL.

CREATE TABLE shows (
    show_id TEXT PRIMARY KEY NOT NULL,
    type TEXT NOT NULL CHECK (type IN ('Movie', 'TV Show')),
    title TEXT NOT NULL CHECK (title <> ''),
    -- The title in lower case without accents: what a search looks at and a sort goes by.
    title_folded TEXT NOT NULL,
    date_added TEXT,
    release_year INTEGER NOT NULL CHECK (release_year BETWEEN 1888 AND 2100),
    rating TEXT,
    duration TEXT,
    description TEXT
) STRICT;

-- The order of the list that is asked for most: newest first, then by key.
CREATE INDEX shows_by_year ON shows (release_year DESC, show_id);
CREATE INDEX shows_by_title ON shows (title_folded, show_id);

CREATE TABLE directors (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE CHECK (name <> '')
) STRICT;

CREATE TABLE show_directors (
    show_id TEXT NOT NULL REFERENCES shows (show_id) ON DELETE CASCADE,
    director_id INTEGER NOT NULL REFERENCES directors (id),
    -- The place in the source's list, from 0.
    position INTEGER NOT NULL,
    PRIMARY KEY (show_id, director_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX show_directors_by_director ON show_directors (director_id, show_id);

CREATE TABLE actors (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE CHECK (name <> '')
) STRICT;

CREATE TABLE show_actors (
    show_id TEXT NOT NULL REFERENCES shows (show_id) ON DELETE CASCADE,
    actor_id INTEGER NOT NULL REFERENCES actors (id),
    -- The place in the source's list, from 0.
    position INTEGER NOT NULL,
    PRIMARY KEY (show_id, actor_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX show_actors_by_actor ON show_actors (actor_id, show_id);

CREATE TABLE genres (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE CHECK (name <> '')
) STRICT;

CREATE TABLE show_genres (
    show_id TEXT NOT NULL REFERENCES shows (show_id) ON DELETE CASCADE,
    genre_id INTEGER NOT NULL REFERENCES genres (id),
    -- The place in the source's list, from 0.
    position INTEGER NOT NULL,
    PRIMARY KEY (show_id, genre_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX show_genres_by_genre ON show_genres (genre_id, show_id);

CREATE TABLE countries (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE CHECK (name <> '')
) STRICT;

CREATE TABLE show_countries (
    show_id TEXT NOT NULL REFERENCES shows (show_id) ON DELETE CASCADE,
    country_id INTEGER NOT NULL REFERENCES countries (id),
    -- The place in the source's list, from 0.
    position INTEGER NOT NULL,
    PRIMARY KEY (show_id, country_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX show_countries_by_country ON show_countries (country_id, show_id);
