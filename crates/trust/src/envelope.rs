//! DSSE 1.0, the Dead Simple Signing Envelope: <https://github.com/secure-systems-lab/dsse>.

use serde::{Deserialize, Serialize};

use crate::keys::{PublicKey, SigningKey};
use crate::statement::Statement;
use crate::text::json_base64;

/// Each may cost a verification.
const SIGNATURES: usize = 16;

/// A payload in the bytes that were signed, and who signed it. Nothing in it is to be believed before `verify`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Envelope {
    #[serde(with = "json_base64", default)]
    pub payload: Vec<u8>,
    #[serde(default)]
    pub payload_type: String,
    #[serde(default)]
    pub signatures: Vec<Signature>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// A hint which key it may be, `PublicKey::id` when we write it; not signed, so nothing is decided by it.
    #[serde(default)]
    pub keyid: String,
    #[serde(with = "json_base64")]
    pub sig: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    #[error("This is no DSSE envelope: {0}.")]
    Json(String),
    #[error("The envelope has more than {SIGNATURES} signatures.")]
    TooManySignatures,
    #[error("The envelope is signed by {found} of the keys that could have signed it, and {threshold} are needed.")]
    Signatures { found: usize, threshold: usize },
    #[error("The envelope holds {found:?} and not {expected:?}.")]
    PayloadType { found: String, expected: &'static str },
    #[error("What the envelope holds cannot be read: {0}.")]
    Payload(String),
}

impl Envelope {
    /// Around a statement, not signed yet.
    ///
    /// # Errors
    /// `Payload` if the statement's free part has no JSON.
    pub fn new<S: Statement>(statement: &S) -> Result<Self, EnvelopeError> {
        let payload = serde_json::to_vec(statement).map_err(|error| EnvelopeError::Payload(error.to_string()))?;
        Ok(Self { payload, payload_type: S::PAYLOAD_TYPE.to_owned(), signatures: Vec::new() })
    }

    /// Adds a signature. The registry countersigns with the same: every signature is of the payload and its type, none of another one.
    pub fn sign(&mut self, key: &SigningKey) {
        let sig = key.sign(&self.signed_bytes()).to_vec();
        self.signatures.push(Signature { keyid: key.public().id().to_string(), sig });
    }

    /// `keys` whose signature is here, if at least `threshold` different ones are.
    ///
    /// # Errors
    /// `Signatures`, `TooManySignatures`.
    pub fn verify(&self, threshold: usize, keys: &[PublicKey]) -> Result<Vec<PublicKey>, EnvelopeError> {
        if self.signatures.len() > SIGNATURES {
            return Err(EnvelopeError::TooManySignatures);
        }
        let message = self.signed_bytes();
        let ids: Vec<String> = keys.iter().map(|key| key.id().to_string()).collect();
        let mut found: Vec<PublicKey> = Vec::new();
        for (key, id) in keys.iter().zip(&ids) {
            // A hint at another of the keys saves a verification; one that says nothing to us does not.
            let candidates = self.signatures.iter().filter(|signature| signature.keyid == *id || !ids.contains(&signature.keyid));
            if !found.contains(key) && candidates.into_iter().any(|signature| key.verifies(&message, &signature.sig)) {
                found.push(*key);
            }
        }
        let threshold = threshold.max(1);
        if found.len() < threshold { Err(EnvelopeError::Signatures { found: found.len(), threshold }) } else { Ok(found) }
    }

    /// What it says, whoever signed it.
    ///
    /// # Errors
    /// `PayloadType`, `Payload`.
    pub fn statement<S: Statement>(&self) -> Result<S, EnvelopeError> {
        if self.payload_type != S::PAYLOAD_TYPE {
            return Err(EnvelopeError::PayloadType { found: self.payload_type.clone(), expected: S::PAYLOAD_TYPE });
        }
        serde_json::from_slice(&self.payload).map_err(|error| EnvelopeError::Payload(error.to_string()))
    }

    /// The one form that the log keeps, and whose bytes are its leaf: JSON without white space, `payload`, `payloadType` and `signatures`
    /// (each `keyid`, `sig`) in this order, signatures in the order in which they were made, bytes in padded standard base64, text escaped
    /// only where RFC 8259 asks for it.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings and lists of them always have JSON.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// From JSON in any form that DSSE allows; `to_bytes` then gives the one that the log keeps.
    ///
    /// # Errors
    /// `Json`, `TooManySignatures`.
    pub fn from_bytes(json: &[u8]) -> Result<Self, EnvelopeError> {
        let envelope: Self = serde_json::from_slice(json).map_err(|error| EnvelopeError::Json(error.to_string()))?;
        if envelope.signatures.len() > SIGNATURES { Err(EnvelopeError::TooManySignatures) } else { Ok(envelope) }
    }

    /// What each signature is of: PAE, the pre-authentication encoding. For keys that are elsewhere, such as in a browser's WebCrypto.
    pub fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = format!("DSSEv1 {} {} {} ", self.payload_type.len(), self.payload_type, self.payload.len()).into_bytes();
        bytes.extend(&self.payload);
        bytes
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::statement::WithdrawalStatement;
    use crate::text::from_hex;

    const IN_TOTO: &str = "application/vnd.in-toto+json";
    const PAYLOAD: &str = "eyJfdHlwZSI6Imh0dHBzOi8vaW4tdG90by5pby9TdGF0ZW1lbnQvdjEifQ==";
    const BY_A: &str = "2WAfaHm5jluo0w+0rk8uVkluELJYWjSmU9x7EUzx+AyteDGJ4/nqyJXfmAUVFIAoQafWm7AxBZNw5M9ixNHiCA==";
    const BY_B: &str = "c1+67/aT0yqEpwx8PsVY3MLHsj9D0CZ014/Fv/QlG59P+9CobUZ7xECJ/V3USG0Ob9CiE5LjReEZUzNF2l7eBw==";

    /// RFC 8032, section 7.1, TEST 1 and TEST 2.
    fn keys() -> [SigningKey; 2] {
        [
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        ]
        .map(|seed| SigningKey::from_seed(&from_hex(seed).unwrap()))
    }

    fn envelope(payload: &str, payload_type: &str, signatures: &[(&str, &str)]) -> Envelope {
        let signatures: Vec<_> = signatures.iter().map(|(keyid, sig)| serde_json::json!({ "sig": sig, "keyid": keyid })).collect();
        let json = serde_json::json!({ "payload": payload, "payloadType": payload_type, "signatures": signatures });
        Envelope::from_bytes(json.to_string().as_bytes()).unwrap()
    }

    /// `testvectors/vectors.json` of the specification's repository.
    #[test]
    fn the_vectors_of_the_specification() {
        let [a, b] = keys().map(|key| key.public());
        let one = envelope(PAYLOAD, IN_TOTO, &[("A", BY_A)]);
        assert_eq!(one.signed_bytes(), b"DSSEv1 28 application/vnd.in-toto+json 43 {\"_type\":\"https://in-toto.io/Statement/v1\"}");
        assert_eq!(one.verify(1, &[a]), Ok(vec![a]));
        let url_safe = "P-_KHICeR7tI6S_YyejJTRtrXhcQyQ2LYPaL8h90KjC9qN8HU_svOQ6TuDOT1HIrsGW886DbWNWcCmX5twLrAw==";
        envelope("-_-_Pj8=", IN_TOTO, &[("A", url_safe)]).verify(1, &[a]).unwrap();
        let swapped = envelope(PAYLOAD, "application/vnd.example.other+json", &[("A", BY_A)]);
        assert_eq!(swapped.verify(1, &[a]), Err(EnvelopeError::Signatures { found: 0, threshold: 1 }));
        let not_ascii = "xmSk/ug66ysT7ayhkCIjhAq42zgZXSsEWuzUaNL7w2eGAdF/NU6/fRXPtmfN+5DNSAs5/i2lUnHjbbjPsu0tAw==";
        envelope(PAYLOAD, "application/vnd.exämple+json", &[("A", not_ascii)]).verify(1, &[a]).unwrap();
        let empty = "gSggCAaTLTYyRH6FIDBem6meyIynsYy8RTHVzwx9tnTb7Bg/1jMWnuVgI/gffqmbsC2VX5/jHfkkDqsj7CDbDg==";
        envelope("", IN_TOTO, &[("A", empty)]).verify(1, &[a]).unwrap();
        let both = envelope(PAYLOAD, IN_TOTO, &[("A", BY_A), ("B", BY_B)]);
        assert_eq!(both.verify(2, &[a, b]), Ok(vec![a, b]));
        let twice = envelope(PAYLOAD, IN_TOTO, &[("A", BY_A), ("A", BY_A)]);
        assert_eq!(twice.verify(2, &[a, b]), Err(EnvelopeError::Signatures { found: 1, threshold: 2 }));
        // Nor does a key count twice that is trusted twice.
        assert_eq!(twice.verify(2, &[a, a]), Err(EnvelopeError::Signatures { found: 1, threshold: 2 }));
        envelope(PAYLOAD, IN_TOTO, &[("", BY_A), ("", BY_B)]).verify(2, &[a, b]).unwrap();
    }

    #[test]
    fn signs_as_the_vectors_do() {
        let mut made = Envelope { signatures: Vec::new(), ..envelope(PAYLOAD, IN_TOTO, &[]) };
        keys().iter().for_each(|key| made.sign(key));
        let [a, b] = keys().map(|key| key.public().id().to_string());
        assert_eq!(made, envelope(PAYLOAD, IN_TOTO, &[(&a, BY_A), (&b, BY_B)]));
        // Stripping one leaves the other, and none is never enough.
        made.signatures.remove(0);
        assert_eq!(made.verify(1, &keys().map(|key| key.public())), Ok(vec![keys()[1].public()]));
        made.signatures.clear();
        assert!(made.verify(0, &keys().map(|key| key.public())).is_err());
    }

    #[test]
    fn one_form_for_the_log() {
        let mut envelope = envelope("-_-_Pj8=", "a/\"ü\n", &[("", "AAAA")]);
        let bytes = envelope.to_bytes();
        assert_eq!(
            String::from_utf8(bytes.clone()).unwrap(),
            r#"{"payload":"+/+/Pj8=","payloadType":"a/\"ü\n","signatures":[{"keyid":"","sig":"AAAA"}]}"#
        );
        assert_eq!(Envelope::from_bytes(&bytes).unwrap().to_bytes(), bytes);
        let spaced = r#" { "signatures": [{"sig": "AAAA"}], "payloadType": "a\/\"\u00fc\u000a", "payload": "-_-_Pj8" } "#;
        assert_eq!(Envelope::from_bytes(spaced.as_bytes()).unwrap(), envelope);
        envelope.signatures.clear();
        assert_ne!(envelope.to_bytes(), bytes);
    }

    #[test]
    fn what_is_no_envelope() {
        let refused = |json: &str| Envelope::from_bytes(json.as_bytes()).unwrap_err();
        assert!(matches!(refused("{"), EnvelopeError::Json(_)));
        assert!(matches!(refused(r#"{"payload":"*"}"#), EnvelopeError::Json(_)));
        assert!(matches!(refused(r#"{"payload":"","payload":""}"#), EnvelopeError::Json(_)));
        assert!(matches!(refused(r#"{"payload":"","seen":true}"#), EnvelopeError::Json(_)));
        let many = vec![r#"{"sig":""}"#; 17].join(",");
        assert_eq!(refused(&format!(r#"{{"signatures":[{many}]}}"#)), EnvelopeError::TooManySignatures);
    }

    #[test]
    fn a_statement_is_read_as_what_it_is() {
        let withdrawal = WithdrawalStatement { item: "1".into(), version: "1.0.0".into(), reason: String::new(), at: String::new() };
        let mut envelope = Envelope::new(&withdrawal).unwrap();
        assert_eq!(envelope.statement::<WithdrawalStatement>().unwrap(), withdrawal);
        envelope.payload = br#"{"item":"1","version":"1.0.0","reason":"","at":"","also":1}"#.to_vec();
        assert!(matches!(envelope.statement::<WithdrawalStatement>(), Err(EnvelopeError::Payload(_))));
        envelope.payload_type = IN_TOTO.into();
        assert!(matches!(envelope.statement::<WithdrawalStatement>(), Err(EnvelopeError::PayloadType { .. })));
    }
}
