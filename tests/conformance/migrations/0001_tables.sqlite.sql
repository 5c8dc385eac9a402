CREATE TABLE samples (
    id TEXT PRIMARY KEY NOT NULL,
    flag INTEGER,
    small INTEGER,
    medium INTEGER,
    large INTEGER,
    single_float REAL,
    double_float REAL,
    words TEXT,
    raw BLOB,
    tag TEXT,
    moment TEXT,
    day TEXT,
    clock TEXT,
    amount TEXT COLLATE DECIMAL,
    document TEXT,
    mood TEXT
) STRICT;

CREATE TABLE books (
    book_id TEXT PRIMARY KEY NOT NULL,
    title TEXT NOT NULL UNIQUE,
    year INTEGER NOT NULL CHECK (year >= 0),
    rating TEXT
) STRICT;

CREATE TABLE authors (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    born INTEGER
) STRICT;

CREATE TABLE book_authors (
    book_id TEXT NOT NULL REFERENCES books (book_id) ON DELETE CASCADE,
    author_id INTEGER NOT NULL REFERENCES authors (id),
    position INTEGER NOT NULL,
    PRIMARY KEY (book_id, author_id),
    CONSTRAINT one_author_per_position UNIQUE (book_id, position)
) STRICT;

CREATE TABLE accounts (
    account_id TEXT PRIMARY KEY NOT NULL,
    balance INTEGER NOT NULL,
    CONSTRAINT balance_is_not_negative CHECK (balance >= 0)
) STRICT;

CREATE TABLE log (
    id INTEGER PRIMARY KEY,
    entry TEXT NOT NULL
) STRICT;

CREATE TABLE deferred_children (
    id INTEGER PRIMARY KEY,
    book_id TEXT NOT NULL REFERENCES books (book_id) DEFERRABLE INITIALLY DEFERRED
) STRICT;
