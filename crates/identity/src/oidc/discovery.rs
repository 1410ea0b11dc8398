//! What an issuer says of itself: OpenID Connect Discovery 1.0, sections 3 and 4.

use serde::Deserialize;

/// What ID tokens may be signed with here. `none` and the HS family are not among them: an issuer's public key, or a secret that more than one
/// knows, would then be enough to make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    Rs256,
    Es256,
    EdDsa,
}

impl Algorithm {
    pub const ALL: [Self; 3] = [Self::Rs256, Self::Es256, Self::EdDsa];

    /// As RFC 7518 and RFC 8037 call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// Why what an issuer says of itself cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    #[error("it is not the JSON that OpenID Connect Discovery describes: {0}")]
    Unreadable(String),
    #[error("it says that it is “{0}”, which is not the configured issuer to the letter")]
    AnotherIssuer(String),
    #[error("it offers no code flow")]
    NoCodeFlow,
    #[error("it signs with nothing that is taken here (RS256, ES256, EdDSA)")]
    NoAlgorithm,
}

/// The part of the document that is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovered {
    pub issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub jwks_uri: String,
    /// Those of its algorithms that are taken here.
    pub algorithms: Vec<Algorithm>,
    /// Whether the client's secret goes into the body; otherwise into the header, which is the default (Core, 9).
    pub secret_in_body: bool,
    /// Whether it says in its answer who it is (RFC 9207): then that has to be there.
    pub names_itself: bool,
}

/// Where an issuer says it (Discovery, 4).
pub fn configuration_address(issuer: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    response_types_supported: Option<Vec<String>>,
    #[serde(default)]
    id_token_signing_alg_values_supported: Option<Vec<String>>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl Discovered {
    /// Reads the document of the issuer that was configured.
    ///
    /// # Errors
    /// It is of another issuer (Discovery, 4.3: exactly the same), or nothing that can be used.
    pub fn read(text: &str, issuer: &str) -> Result<Self, DiscoveryError> {
        let document: Document = serde_json::from_str(text).map_err(|error| DiscoveryError::Unreadable(error.to_string()))?;
        if document.issuer != issuer {
            return Err(DiscoveryError::AnotherIssuer(document.issuer));
        }
        if document.response_types_supported.is_some_and(|types| !types.iter().any(|one| one == "code")) {
            return Err(DiscoveryError::NoCodeFlow);
        }
        // RS256 is what everybody has to offer (Discovery, 3).
        let named = document.id_token_signing_alg_values_supported.unwrap_or_else(|| vec!["RS256".to_owned()]);
        let algorithms: Vec<Algorithm> =
            Algorithm::ALL.into_iter().filter(|algorithm| named.iter().any(|name| name == algorithm.as_str())).collect();
        if algorithms.is_empty() {
            return Err(DiscoveryError::NoAlgorithm);
        }
        let methods = document.token_endpoint_auth_methods_supported.unwrap_or_default();
        let has = |method: &str| methods.iter().any(|one| one == method);
        Ok(Self {
            issuer: document.issuer,
            authorization_endpoint: document.authorization_endpoint,
            token_endpoint: document.token_endpoint,
            jwks_uri: document.jwks_uri,
            algorithms,
            secret_in_body: has("client_secret_post") && !has("client_secret_basic"),
            names_itself: document.authorization_response_iss_parameter_supported,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const ISSUER: &str = "https://id.example";

    fn document(change: impl FnOnce(&mut Value)) -> String {
        let mut document = json!({
            "issuer": ISSUER,
            "authorization_endpoint": "https://id.example/authorize",
            "token_endpoint": "https://id.example/token",
            "jwks_uri": "https://id.example/keys",
            "response_types_supported": ["code", "id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["none", "HS256", "ES256", "RS256"],
        });
        change(&mut document);
        document.to_string()
    }

    #[test]
    fn a_document_is_read() {
        let read = Discovered::read(&document(|_| {}), ISSUER).expect("read");
        assert_eq!(read.algorithms, [Algorithm::Rs256, Algorithm::Es256]);
        assert_eq!((read.secret_in_body, read.names_itself), (false, false));
        let posts =
            document(|document| document["token_endpoint_auth_methods_supported"] = json!(["client_secret_post", "private_key_jwt"]));
        assert!(Discovered::read(&posts, ISSUER).expect("read").secret_in_body);
        let silent =
            document(|document| drop(document.as_object_mut().expect("an object").remove("id_token_signing_alg_values_supported")));
        assert_eq!(Discovered::read(&silent, ISSUER).expect("read").algorithms, [Algorithm::Rs256]);
        assert_eq!(configuration_address("https://id.example/a/"), "https://id.example/a/.well-known/openid-configuration");
    }

    #[test]
    fn the_document_of_another_issuer_is_refused() {
        for other in ["https://id.example/", "https://ID.example", "https://evil.example"] {
            let text = document(|document| document["issuer"] = json!(other));
            assert_eq!(Discovered::read(&text, ISSUER), Err(DiscoveryError::AnotherIssuer(other.to_owned())));
        }
    }

    #[test]
    fn an_issuer_that_signs_with_nothing_or_with_what_two_know_is_refused() {
        for weak in [json!(["none"]), json!(["HS256", "HS512"]), json!([])] {
            let text = document(|document| document["id_token_signing_alg_values_supported"] = weak);
            assert_eq!(Discovered::read(&text, ISSUER), Err(DiscoveryError::NoAlgorithm));
        }
        let implicit = document(|document| document["response_types_supported"] = json!(["id_token"]));
        assert_eq!(Discovered::read(&implicit, ISSUER), Err(DiscoveryError::NoCodeFlow));
    }

    proptest! {
        #[test]
        fn nothing_that_comes_breaks_it(text in ".{0,200}") {
            let _ = Discovered::read(&text, ISSUER);
        }
    }
}
