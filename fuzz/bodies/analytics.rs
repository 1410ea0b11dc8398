//! Whatever bytes are stored as cells, reading them never panics, and what can be read is written and read the same.
use llmos_analytics::{
    cells::parts,
    codec::{decode, encode},
};

pub fn run(bytes: &[u8]) {
    if let Ok(cells) = decode(bytes) {
        assert_eq!(decode(&encode(&cells)).as_ref(), Ok(&cells));
        parts(&cells);
    }
}
