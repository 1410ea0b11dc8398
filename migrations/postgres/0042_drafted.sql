-- What was drafted of the runs, whatever people made of it: the next improvement is compared with it. NULL: not known, as of what was proposed before this.
ALTER TABLE proposals ADD COLUMN drafted TEXT;
