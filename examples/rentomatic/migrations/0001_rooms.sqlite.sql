CREATE TABLE rooms (
    code TEXT PRIMARY KEY NOT NULL CHECK (code <> ''),
    size INTEGER NOT NULL CHECK (size > 0),
    price INTEGER NOT NULL CHECK (price >= 0),
    longitude REAL NOT NULL CHECK (longitude BETWEEN -180 AND 180),
    latitude REAL NOT NULL CHECK (latitude BETWEEN -90 AND 90)
) STRICT;
CREATE INDEX rooms_by_price ON rooms (price, code);
