-- The entry of the log that says where a former name leads.
ALTER TABLE listing_redirects ADD COLUMN log_index BIGINT;
CREATE INDEX listing_redirects_listing ON listing_redirects (listing_id);
CREATE INDEX listings_creator ON listings (created_by);

-- Versions that were public once and were deleted: no other release ever gets their number.
CREATE TABLE deleted_releases (
  listing_id TEXT NOT NULL REFERENCES listings (id),
  version TEXT NOT NULL,
  version_order TEXT COLLATE BINARY NOT NULL,
  digest TEXT NOT NULL,
  published_at BIGINT NOT NULL,
  deleted_at BIGINT NOT NULL,
  PRIMARY KEY (listing_id, version_order)
);
