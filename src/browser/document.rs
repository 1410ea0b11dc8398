//! Where this build's files and the sockets are: known to the server, which writes the document.

/// Addresses of the script, the WebAssembly, the styles, and the scripts that are loaded by name.
#[derive(Clone, Debug, Default)]
pub struct Links {
    pub js: String,
    /// What loads the code of lazy pages, where the build has any.
    pub loader: String,
    pub wasm: String,
    pub css: String,
    pub editor: String,
    pub offline: String,
    pub signing: String,
    pub passkey: String,
    pub push: String,
    pub pwa: String,
    pub outbox: String,
    pub tool_sandbox: String,
    pub charts: String,
}

/// The name under which the document says where the sockets are, when that is not where it came from.
pub const SOCKETS: &str = "llmos-sockets";

/// The name under which the document says when the server made it, in UTC milliseconds: what came with it is as old as that (`web/pwa`).
pub const RENDERED: &str = "llmos-rendered";

#[cfg(feature = "ssr")]
pub fn sockets() -> Option<String> {
    leptos::prelude::use_context::<crate::server::context::Ctx>()?.state.config.ws_url.clone()
}

#[cfg(not(feature = "ssr"))]
pub fn sockets() -> Option<String> {
    None
}

#[cfg(feature = "ssr")]
pub fn links() -> Links {
    crate::server::assets::links().into_owned()
}

#[cfg(not(feature = "ssr"))]
pub fn links() -> Links {
    Links::default()
}
