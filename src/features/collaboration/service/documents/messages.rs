//! Messages of the document socket, from bytes that are encoded already.

use axum::body::Bytes;

use super::replica::Replica;

/// Server to client: the state vector that is on disk, and how many of the client's updates. Not part of Yjs' protocol, so it goes to those who ask for it.
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

/// The state vector says nothing of what was deleted, so the count of the reader's own updates stands behind it.
pub fn saved(vector: &[u8], sent: u64) -> Bytes {
    let mut message = Vec::with_capacity(vector.len() + 8);
    message.push(SAVED);
    write_bytes(&mut message, vector);
    write_number(&mut message, sent);
    message.into()
}

/// Bytes behind their number, as lib0 writes them.
fn write_bytes(message: &mut Vec<u8>, bytes: &[u8]) {
    write_number(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}

/// Seven bits a byte, the lowest first, as lib0 writes unsigned numbers.
fn write_number(message: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        message.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    message.push(number as u8);
}
