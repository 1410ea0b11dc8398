-- The key that the host of a repository showed over SSH when the volume was linked, as SHA256:…; NULL: it is not asked over SSH.
ALTER TABLE git_links ADD COLUMN host_key TEXT;
