CREATE TABLE rooms (
    code text COLLATE "C" PRIMARY KEY CHECK (code <> ''),
    size bigint NOT NULL CHECK (size > 0),
    price bigint NOT NULL CHECK (price >= 0),
    longitude double precision NOT NULL CHECK (longitude BETWEEN -180 AND 180),
    latitude double precision NOT NULL CHECK (latitude BETWEEN -90 AND 90)
);
CREATE INDEX rooms_by_price ON rooms (price, code);
