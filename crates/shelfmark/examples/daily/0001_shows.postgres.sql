CREATE TABLE shows (
    show_id text COLLATE "C" PRIMARY KEY,
    title text COLLATE "C" NOT NULL,
    release_year integer NOT NULL,
    rating text,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    deleted_at timestamptz
);

CREATE INDEX shows_by_year ON shows (release_year, show_id);

CREATE TABLE directors (id bigint PRIMARY KEY, name text NOT NULL);

CREATE TABLE show_directors (
    show_id text COLLATE "C" NOT NULL REFERENCES shows (show_id),
    director_id bigint NOT NULL REFERENCES directors (id),
    position integer NOT NULL,
    PRIMARY KEY (show_id, director_id)
);
