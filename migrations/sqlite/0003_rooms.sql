-- Numbers that a room may have given out: after a crash its numbering goes on behind them.
CREATE TABLE rooms (
  id TEXT PRIMARY KEY,
  reserved BIGINT NOT NULL,                -- while closed: the number given last
  closed BIGINT NOT NULL,                  -- 1: every event up to `reserved` is in room_events, as far as it is kept
  updated_at BIGINT NOT NULL
);

-- What was told in rooms, to be told again to those who missed it.
CREATE TABLE room_events (
  room_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  frame TEXT NOT NULL,                     -- the JSON frame as it was sent
  created_at BIGINT NOT NULL,
  PRIMARY KEY (room_id, seq)
);
CREATE INDEX room_events_time ON room_events (created_at);
