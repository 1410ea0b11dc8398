-- Until what a push brought was told to the rooms of the volumes that follow the branch: milliseconds from its arrival; NULL where nothing was.
ALTER TABLE deliveries ADD COLUMN announced BIGINT;
CREATE INDEX deliveries_announced ON deliveries (id) WHERE announced IS NOT NULL;

-- Pushes whose volumes are still to be pulled.
CREATE TABLE delivery_pulls (
  delivery_id TEXT NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
  volume_id TEXT NOT NULL REFERENCES volumes (id) ON DELETE CASCADE,
  PRIMARY KEY (volume_id, delivery_id)
);
