//! Messages of the document socket, from bytes that are encoded already.

use axum::body::Bytes;

use super::replica::Replica;

/// Server to client: the state vector that is on disk. Not part of Yjs' protocol, so it goes to those who ask for it.
const SAVED: u8 = 100;

/// Sync step 1: what is not known here?
pub fn ask(replica: &Replica) -> Bytes {
    // Sync step 1 with the vector as it is encoded already.
    let mut message = vec![0, 0];
    write_bytes(&mut message, &replica.state_vector());
    message.into()
}

/// What was just written.
pub fn update(v1: &[u8]) -> Bytes {
    let mut message = Vec::with_capacity(v1.len() + 8);
    message.extend([0, 2]);
    write_bytes(&mut message, v1);
    message.into()
}

/// The state vector that is on disk.
pub fn saved(vector: &[u8]) -> Bytes {
    let mut message = Vec::with_capacity(vector.len() + 4);
    message.push(SAVED);
    write_bytes(&mut message, vector);
    message.into()
}

/// Bytes behind their number, as lib0 writes them.
fn write_bytes(message: &mut Vec<u8>, bytes: &[u8]) {
    let mut length = bytes.len();
    while length >= 0x80 {
        message.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    message.push(length as u8);
    message.extend_from_slice(bytes);
}
