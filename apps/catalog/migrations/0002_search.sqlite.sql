-- What a person's search looks at: the words of titles and of names, in full-text indexes.
--
-- The program takes the words out of titles and names, so that they are the same on every engine: in lower case, without
-- accents, with one space between them. Nothing of that depends on a tokenizer here; `ascii` parts at spaces alone, since
-- words hold neither other white space nor punctuation. Short beginnings have entries of their own, because those are what
-- many words share while somebody types.
--
-- A title or name that is changed by hand loses its words, and is found again after the next start of the program.

CREATE TABLE search_titles (
    -- In the order of arrival.
    n INTEGER PRIMARY KEY,
    show_id TEXT NOT NULL UNIQUE REFERENCES shows (show_id) ON DELETE CASCADE,
    release_year INTEGER NOT NULL,
    words TEXT NOT NULL
) STRICT;

-- Its rows are numbered by year, the newest first, and by `n` within a year, so that it gives the newest matches first and
-- stops when there are enough.
CREATE VIRTUAL TABLE search_title_words USING fts5 (
    words, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii', prefix = '1 2 3 4'
);

-- Rows that wait to be taken into a full-text index: a title (1), a director (2), an actor (3), by its number there.
--
-- An index writes out what it has collected before each statement. So what an import adds is collected here, and taken in by
-- one statement that empties this table, in the order of the index, in the same transaction.
CREATE TABLE search_pending (
    kind INTEGER NOT NULL,
    id INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER search_titles_inserted AFTER INSERT ON search_titles
BEGIN
    INSERT OR IGNORE INTO search_pending (kind, id) VALUES (1, ((9999 - new.release_year) << 40) + new.n);
END;

CREATE TRIGGER search_titles_deleted AFTER DELETE ON search_titles
BEGIN
    DELETE FROM search_title_words WHERE rowid = ((9999 - old.release_year) << 40) + old.n;
END;

CREATE TRIGGER search_titles_updated AFTER UPDATE ON search_titles
WHEN old.n <> new.n OR old.release_year <> new.release_year OR old.words <> new.words
BEGIN
    DELETE FROM search_title_words WHERE rowid = ((9999 - old.release_year) << 40) + old.n;
    -- Taken in at once: see search_pending_taken.
    INSERT OR IGNORE INTO search_pending (kind, id) VALUES (1, ((9999 - new.release_year) << 40) + new.n);
    DELETE FROM search_pending WHERE kind = 1 AND id = ((9999 - new.release_year) << 40) + new.n;
END;

CREATE TRIGGER shows_lose_their_words AFTER UPDATE OF title_folded, release_year ON shows
WHEN old.title_folded <> new.title_folded OR old.release_year <> new.release_year
BEGIN
    DELETE FROM search_titles WHERE show_id = new.show_id;
END;

-- The words of the name; NULL until the program has looked at it.
ALTER TABLE directors ADD COLUMN name_words TEXT;
ALTER TABLE actors ADD COLUMN name_words TEXT;

CREATE INDEX directors_without_words ON directors (id) WHERE name_words IS NULL;
CREATE INDEX actors_without_words ON actors (id) WHERE name_words IS NULL;

CREATE VIRTUAL TABLE search_director_words USING fts5 (
    words, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii', prefix = '1 2 3'
);

CREATE TRIGGER directors_inserted AFTER INSERT ON directors
WHEN new.name_words IS NOT NULL
BEGIN
    INSERT OR IGNORE INTO search_pending (kind, id) VALUES (2, new.id);
END;

CREATE TRIGGER directors_deleted AFTER DELETE ON directors
WHEN old.name_words IS NOT NULL
BEGIN
    DELETE FROM search_director_words WHERE rowid = old.id;
END;

CREATE TRIGGER directors_words_changed AFTER UPDATE OF name_words ON directors
WHEN old.name_words IS NOT new.name_words
BEGIN
    DELETE FROM search_director_words WHERE rowid = old.id;
    INSERT OR IGNORE INTO search_pending (kind, id) VALUES (2, new.id);
    DELETE FROM search_pending WHERE kind = 2 AND id = new.id;
END;

CREATE TRIGGER directors_lose_their_words AFTER UPDATE OF name ON directors
WHEN old.name <> new.name AND old.name_words IS new.name_words
BEGIN
    UPDATE directors SET name_words = NULL WHERE id = new.id;
END;

CREATE VIRTUAL TABLE search_actor_words USING fts5 (
    words, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii', prefix = '1 2 3'
);

CREATE TRIGGER actors_inserted AFTER INSERT ON actors
WHEN new.name_words IS NOT NULL
BEGIN
    INSERT OR IGNORE INTO search_pending (kind, id) VALUES (3, new.id);
END;

CREATE TRIGGER actors_deleted AFTER DELETE ON actors
WHEN old.name_words IS NOT NULL
BEGIN
    DELETE FROM search_actor_words WHERE rowid = old.id;
END;

CREATE TRIGGER actors_words_changed AFTER UPDATE OF name_words ON actors
WHEN old.name_words IS NOT new.name_words
BEGIN
    DELETE FROM search_actor_words WHERE rowid = old.id;
    INSERT OR IGNORE INTO search_pending (kind, id) VALUES (3, new.id);
    DELETE FROM search_pending WHERE kind = 3 AND id = new.id;
END;

CREATE TRIGGER actors_lose_their_words AFTER UPDATE OF name ON actors
WHEN old.name <> new.name AND old.name_words IS new.name_words
BEGIN
    UPDATE actors SET name_words = NULL WHERE id = new.id;
END;

-- What was removed, or has another number by now, is not taken in.
CREATE TRIGGER search_pending_taken AFTER DELETE ON search_pending
BEGIN
    INSERT INTO search_title_words (rowid, words)
    SELECT old.id, t.words FROM search_titles AS t
    WHERE old.kind = 1 AND t.n = (old.id & 1099511627775) AND t.release_year = 9999 - (old.id >> 40);
    INSERT INTO search_director_words (rowid, words)
    SELECT old.id, p.name_words FROM directors AS p
    WHERE old.kind = 2 AND p.id = old.id AND p.name_words IS NOT NULL;
    INSERT INTO search_actor_words (rowid, words)
    SELECT old.id, p.name_words FROM actors AS p
    WHERE old.kind = 3 AND p.id = old.id AND p.name_words IS NOT NULL;
END;
