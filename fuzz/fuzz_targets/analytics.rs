//! Whatever bytes are stored as cells, reading them never panics, and what can be read is written and read the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use llmos_analytics::{
    cells::parts,
    codec::{decode, encode},
};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(cells) = decode(bytes) {
        assert_eq!(decode(&encode(&cells)).as_ref(), Ok(&cells));
        parts(&cells);
    }
});
