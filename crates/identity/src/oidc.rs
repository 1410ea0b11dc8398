//! Signing in elsewhere: OpenID Connect Core 1.0 with the authorization code flow (3.1), PKCE (RFC 7636) and Discovery 1.0, as far as it is
//! pure: what is asked, and whether the answer is to be believed. Asking is for who calls.

mod discovery;
mod token;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

pub use discovery::{Algorithm, Discovered, DiscoveryError, configuration_address};
pub use token::{Claims, Expected, Keys, TokenError, verify};

/// The S256 challenge of a verifier (RFC 7636, 4.2).
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// What the browser is sent to the issuer with.
pub struct Request<'a> {
    pub client_id: &'a str,
    pub redirect_uri: &'a str,
    /// Words with spaces between; `openid` is among them.
    pub scope: &'a str,
    pub state: &'a str,
    pub nonce: &'a str,
    /// Of PKCE: only its hash is sent.
    pub verifier: &'a str,
    /// Whether the person has to prove who they are once more, even if the issuer knows them (Core, 3.1.2.1: `prompt` and `max_age`).
    pub anew: bool,
}

impl Request<'_> {
    /// Names and values of the query, in their order.
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        let mut parameters = vec![
            ("response_type", "code".to_owned()),
            ("client_id", self.client_id.to_owned()),
            ("redirect_uri", self.redirect_uri.to_owned()),
            ("scope", self.scope.to_owned()),
            ("state", self.state.to_owned()),
            ("nonce", self.nonce.to_owned()),
            ("code_challenge", challenge(self.verifier)),
            ("code_challenge_method", "S256".to_owned()),
        ];
        if self.anew {
            parameters.push(("prompt", "login".to_owned()));
            parameters.push(("max_age", "0".to_owned()));
        }
        parameters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636, appendix B.
    #[test]
    fn the_challenge_of_rfc_7636() {
        assert_eq!(challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn a_request_keeps_its_verifier_to_itself() {
        let mut request = Request {
            client_id: "llmos",
            redirect_uri: "https://llmos.example/auth/oidc/callback",
            scope: "openid email",
            state: "s",
            nonce: "n",
            verifier: "a verifier of enough characters, as it happens",
            anew: false,
        };
        let plain = request.parameters();
        assert!(plain.iter().all(|(_, value)| value != request.verifier));
        assert!(plain.contains(&("code_challenge_method", "S256".to_owned())));
        request.anew = true;
        assert_eq!(request.parameters().len(), plain.len() + 2);
    }
}
