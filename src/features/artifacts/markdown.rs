//! Markdown to sanitised HTML.
pub struct Renderer;
impl Renderer {
    pub fn new() -> Self {
        Self
    }
}
