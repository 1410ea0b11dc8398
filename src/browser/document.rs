//! Where this build's files are: known to the server, which writes the document.

/// Addresses of the script, the WebAssembly, the styles, and the editor's script.
#[derive(Clone, Debug, Default)]
pub struct Links {
    pub js: String,
    pub wasm: String,
    pub css: String,
    pub editor: String,
}

#[cfg(feature = "ssr")]
pub fn links() -> Links {
    crate::server::assets::links().into_owned()
}

#[cfg(not(feature = "ssr"))]
pub fn links() -> Links {
    Links::default()
}
