-- The commit whose revisions are becoming the heads of this volume, slice by slice; other writers of the volume wait meanwhile.
ALTER TABLE volumes ADD COLUMN publishing TEXT;
