//! Lines of packets: four hexadecimal digits of length, then as many bytes (gitprotocol-common).

/// The most that one packet carries.
pub const PAYLOAD_MAX: usize = 65_516;

/// One packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    Line(&'a [u8]),
    Flush,
}

/// Bytes that are no packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

pub fn line(out: &mut Vec<u8>, payload: impl AsRef<[u8]>) {
    let payload = payload.as_ref();
    out.extend_from_slice(format!("{:04x}", payload.len() + 4).as_bytes());
    out.extend_from_slice(payload);
}

pub fn flush(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0000");
}

/// The first packet, and what comes after it. None: it is not whole yet.
pub fn split(bytes: &[u8]) -> Result<Option<(Packet<'_>, &[u8])>, Malformed> {
    let Some((head, rest)) = bytes.split_at_checked(4) else { return Ok(None) };
    let digits = std::str::from_utf8(head).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit())).ok_or(Malformed)?;
    match usize::from_str_radix(digits, 16).map_err(|_| Malformed)? {
        0 => Ok(Some((Packet::Flush, rest))),
        length @ 4.. => Ok(rest.split_at_checked(length - 4).map(|(payload, rest)| (Packet::Line(payload), rest))),
        _ => Err(Malformed),
    }
}

/// A line without the line end that it may have.
pub fn trimmed(payload: &[u8]) -> &[u8] {
    payload.strip_suffix(b"\n").unwrap_or(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_read_as_they_are_written() {
        let mut bytes = Vec::new();
        line(&mut bytes, "hello\n");
        flush(&mut bytes);
        line(&mut bytes, "");
        let (first, rest) = split(&bytes).expect("packets").expect("a whole one");
        assert_eq!(first, Packet::Line(b"hello\n"));
        let (second, rest) = split(rest).expect("packets").expect("a whole one");
        assert_eq!(second, Packet::Flush);
        assert_eq!(split(rest), Ok(Some((Packet::Line(b""), &b""[..]))));
        assert_eq!(split(&bytes[..7]), Ok(None));
        for wrong in [&b"0003"[..], b"xyz1", b"+00a", b"000"] {
            assert!(!matches!(split(wrong), Ok(Some(_))), "{wrong:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_packets_that_are_written_the_same_or_none(bytes: Vec<u8>, hex in "([0-9a-f]{4}[ -~]{0,12}){0,6}") {
            for bytes in [&bytes[..], hex.as_bytes()] {
                let (mut rest, mut written) = (bytes, Vec::new());
                while let Ok(Some((packet, next))) = split(rest) {
                    match packet {
                        Packet::Line(payload) => line(&mut written, payload),
                        Packet::Flush => flush(&mut written),
                    }
                    rest = next;
                }
                written.extend_from_slice(rest);
                // The digits of a length may be capital letters.
                assert_eq!(written.to_ascii_lowercase(), bytes.to_ascii_lowercase());
            }
        }
    }
}
