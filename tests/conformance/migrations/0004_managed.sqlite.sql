CREATE TABLE documents (
    document_id TEXT PRIMARY KEY NOT NULL,
    title TEXT NOT NULL UNIQUE,
    body TEXT,
    pages INTEGER NOT NULL DEFAULT 0,
    version INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;

CREATE TABLE tasks (
    task_id TEXT PRIMARY KEY NOT NULL,
    title TEXT NOT NULL,
    revision INTEGER NOT NULL,
    updated_at TEXT NOT NULL,
    deleted_at TEXT
) STRICT;

CREATE TABLE tickets (
    id INTEGER PRIMARY KEY,
    label TEXT NOT NULL UNIQUE,
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE seats (
    line INTEGER NOT NULL,
    number TEXT NOT NULL,
    holder TEXT,
    version INTEGER NOT NULL,
    PRIMARY KEY (line, number)
) STRICT;

CREATE TABLE invoices (
    invoice_id TEXT PRIMARY KEY NOT NULL,
    tenant_id INTEGER NOT NULL,
    reference TEXT NOT NULL UNIQUE,
    amount INTEGER NOT NULL,
    version INTEGER NOT NULL,
    deleted_at TEXT
) STRICT;

CREATE TABLE memos (
    region TEXT NOT NULL,
    memo_id INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (region, memo_id)
) STRICT;
