//! A model's answer, however its bytes are cut.

use llmos_assistant::{
    failure::classify,
    stream::{Answer, Fault, Reply},
};

/// The text that was given in pieces, and the answer; a fault leaves what came before it.
fn read<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> (String, Result<Reply, Fault>) {
    let mut answer = Answer::new();
    for chunk in chunks {
        if let Err(fault) = answer.feed(chunk) {
            return (answer.text().to_owned(), Err(fault));
        }
    }
    (answer.text().to_owned(), answer.finish())
}

pub fn run(bytes: &[u8]) {
    let (first, rest) = bytes.split_at(bytes.len().min(1));
    let size = first.first().map_or(1, |size| usize::from(*size) + 1);
    let whole = read(std::iter::once(rest));
    assert_eq!(read(rest.chunks(size)), whole);
    if let (_, Ok(reply)) = whole {
        let ids: Vec<&str> =
            reply.calls.iter().map(|call| call.id.as_str()).chain(reply.malformed.iter().map(|call| call.id.as_str())).collect();
        assert!(ids.iter().enumerate().all(|(at, id)| !id.is_empty() && !ids[..at].contains(id)));
    }
    let _ = Reply::from_json(rest);
    let _ = classify(u16::from(size as u8) + 350, None, &String::from_utf8_lossy(rest));
}
