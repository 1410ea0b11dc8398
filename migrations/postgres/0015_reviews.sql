-- Answers to reviews, what moderators hide, who has really used an item, and pictures of it.
ALTER TABLE item_reviews ADD COLUMN replied_at BIGINT;
ALTER TABLE item_reviews ADD COLUMN hidden_by TEXT;
CREATE INDEX item_reviews_rating ON item_reviews (listing_id, rating, updated_at, user_id);

-- Who named an installed copy of an item in a message of a session.
CREATE TABLE listing_uses (
  listing_id TEXT NOT NULL REFERENCES listings (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL REFERENCES users (id),
  created_at BIGINT NOT NULL,
  PRIMARY KEY (listing_id, user_id)
);
INSERT INTO listing_uses (listing_id, user_id, created_at)
  SELECT i.listing_id, e.author_id, MIN(e.created_at)
  FROM installations i
  JOIN session_artifacts a ON a.artifact_id = i.artifact_id
  JOIN session_entries e ON e.session_id = a.session_id
  WHERE e.kind = 'message' AND e.deleted_at IS NULL AND e.data LIKE '%' || i.artifact_id || '%'
  GROUP BY i.listing_id, e.author_id;
UPDATE item_reviews SET used = 1 WHERE EXISTS (
  SELECT 1 FROM listing_uses u WHERE u.listing_id = item_reviews.listing_id AND u.user_id = item_reviews.user_id
);

-- What an item looks like. The bytes are a blob, encoded by this server, and never change.
CREATE TABLE listing_screenshots (
  id TEXT COLLATE "C" PRIMARY KEY,
  listing_id TEXT NOT NULL REFERENCES listings (id) ON DELETE CASCADE,
  position BIGINT NOT NULL,
  sha TEXT NOT NULL,
  media_type TEXT NOT NULL,                -- image/png | image/jpeg
  width BIGINT NOT NULL,
  height BIGINT NOT NULL,
  alt TEXT NOT NULL,                       -- for those who do not see it
  added_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX listing_screenshots_listing ON listing_screenshots (listing_id, position, id);
