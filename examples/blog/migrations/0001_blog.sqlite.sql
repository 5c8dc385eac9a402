CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    email TEXT NOT NULL CONSTRAINT users_email_key UNIQUE,
    name TEXT NOT NULL CHECK (name <> ''),
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE posts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users,
    title TEXT NOT NULL CHECK (title <> ''),
    body TEXT NOT NULL,
    published_at TEXT NOT NULL
) STRICT;
CREATE INDEX posts_by_time ON posts (published_at, id);
CREATE INDEX posts_by_user ON posts (user_id, published_at, id);

CREATE TABLE tags (name TEXT PRIMARY KEY NOT NULL CHECK (name <> '')) STRICT;

CREATE TABLE post_tags (
    post_id INTEGER NOT NULL REFERENCES posts,
    tag TEXT NOT NULL REFERENCES tags,
    PRIMARY KEY (post_id, tag)
) STRICT;

CREATE TABLE comments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    post_id INTEGER NOT NULL REFERENCES posts,
    user_id INTEGER NOT NULL REFERENCES users,
    text TEXT NOT NULL CHECK (text <> ''),
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX comments_by_post ON comments (post_id, created_at, id);

-- Without foreign keys: what was done stays written down, whatever becomes of the post.
CREATE TABLE audit_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    user_id INTEGER NOT NULL,
    action TEXT NOT NULL,
    post_id INTEGER NOT NULL
) STRICT;
